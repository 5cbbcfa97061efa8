// What terminals need of the rest of the kernel; tests on a host bring their own.
#pragma once

#include <shared_memory.h>
#include <stdint.h>

#include "lib/result.h"

namespace runtime {

struct TerminalMemory {
  uint8_t* bytes = nullptr;
  uint32_t offset = 0;  // in the arena that kernel and services share, broker/arena.h
};

/// The blocks of all terminals, zeroed, on first use. Errors: NoMemory.
Result<RuntimeTerminalBlock*> terminal_blocks();
/// Where they are in the arena.
uint32_t terminal_blocks_offset();
/// Takes memory for a ring, a power of two of bytes from 4096 on. Errors: NoMemory.
Result<TerminalMemory> allocate_terminal_ring(uint32_t capacity);
void free_terminal_ring(const TerminalMemory& ring);
/// The largest output ring that this machine affords, a power of two.
uint32_t largest_terminal_ring();

enum class TerminalServiceState : uint8_t {
  Awaited,  // none at the moment
  Running,  // system services run
  Absent,   // none, and there will be none
};
TerminalServiceState terminal_service_state();
/// Whether the calling thread is the one that has terminals open: it cannot wait for itself.
bool is_terminal_service();
/// Tells the service that a block has changed, or that it is wanted.
void notify_terminal_service();
/// Sends a signal from the kernel to the app. Interrupt-safe.
void signal_app(int number);

}  // namespace runtime
