#include "terminal/environment.h"

#include <kernel_interface.h>

#include "broker/arena.h"
#include "broker/table.h"
#include "lib/string.h"
#include "linux/signals.h"
#include "platform/service_events.h"
#include "sched/scheduler.h"

namespace runtime {

namespace {

constexpr uint32_t kLargestRing = 16 * 1024 * 1024;
constexpr uint64_t kShareOfArena = 8;  // which is a quarter of the machine's memory
constexpr uint32_t kSmallestRing = 64 * 1024;
constexpr int kCodeOfKernel = 0x80;  // si_code SI_KERNEL, sigaction(2)

Mutex g_mutex(MutexRank::TerminalBlocks);
ArenaBlock g_blocks;

}  // namespace

Result<RuntimeTerminalBlock*> terminal_blocks() {
  Result<void> prepared = arena().prepare();
  if (prepared.is_error()) return prepared.error();
  MutexGuard guard(g_mutex);
  if (g_blocks.offset == 0) {
    constexpr size_t kSize = RUNTIME_TERMINAL_MAXIMUM * sizeof(RuntimeTerminalBlock);
    Result<ArenaBlock> taken = arena().allocate(kSize, false, ArenaOwner::Kernel);
    if (taken.is_error()) return taken.error();
    memset(arena().bytes(taken.value().offset), 0, kSize);
    g_blocks = taken.value();
  }
  return reinterpret_cast<RuntimeTerminalBlock*>(arena().bytes(g_blocks.offset));
}

uint32_t terminal_blocks_offset() { return g_blocks.offset; }

Result<TerminalMemory> allocate_terminal_ring(uint32_t capacity) {
  Result<ArenaBlock> taken = arena().allocate(capacity, false, ArenaOwner::Kernel);
  if (taken.is_error()) return taken.error();
  TerminalMemory ring;
  ring.offset = taken.value().offset;
  ring.bytes = arena().bytes(ring.offset);
  return ring;
}

void free_terminal_ring(const TerminalMemory& ring) {
  (void)arena().free(ring.offset, ArenaOwner::Kernel);
}

uint32_t largest_terminal_ring() {
  uint32_t size = kLargestRing;
  while (size > kSmallestRing && size > arena().limit() / kShareOfArena) size /= 2;
  return size;
}

TerminalServiceState terminal_service_state() {
  switch (service_state()) {
    case ServiceState::Awaited:
      return TerminalServiceState::Awaited;
    case ServiceState::Attached:
      return TerminalServiceState::Running;
    case ServiceState::Absent:
      break;
  }
  return TerminalServiceState::Absent;
}

void notify_terminal_service() {
  // The app writes one line after the other: one turn of the service for all of them.
  const PatientWakes patience;
  notify_service(RUNTIME_EVENT_TERMINAL);
}

void signal_app(int number) {
  send_process_signal(number, sender_signal_info(number, kCodeOfKernel));
}

}  // namespace runtime
