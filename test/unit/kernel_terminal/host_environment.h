// What terminals find in place of the rest of the kernel (native/kernel/terminal/environment.h).
#pragma once

#include <vector>

#include "terminal/environment.h"

namespace host_terminal {

/// The shared memory: blocks and rings, in the order in which they were taken.
constexpr size_t kMemoryBytes = 24 * 1024 * 1024;
uint8_t* memory();
/// Whether rings can be had.
void set_memory_limit(size_t bytes);
void set_service_state(runtime::TerminalServiceState state);
/// Whether the calls that follow are the service's own.
void become_service(bool becomes);
/// Signals that the app got since the last call, and how often the service was notified.
std::vector<int> take_signals();
unsigned take_notifications();

}  // namespace host_terminal
