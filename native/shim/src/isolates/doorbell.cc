#include "doorbell.h"

namespace runtime {
namespace {

// What ends a wait.
constexpr uint32_t kEvents =
    RUNTIME_EVENT_WAKE | RUNTIME_EVENT_BROKER | RUNTIME_EVENT_INTERRUPT | RUNTIME_EVENT_TERMINAL;

}  // namespace

void EventWordDoorbell::Wait(uint64_t deadline) { kernel_.wait_for_events(kEvents, deadline); }

void ThreadDoorbell::Ring() {
  if (!is_rung_.exchange(true)) kernel_.bell_ring(bell_);
}

void ThreadDoorbell::Wait(uint64_t deadline) {
  // A ring after the exchange is kept by the kernel.
  while (!is_rung_.exchange(false)) {
    if (deadline != RUNTIME_NO_DEADLINE && kernel_.monotonic_nanoseconds() >= deadline) return;
    kernel_.bell_wait(deadline);
  }
}

}  // namespace runtime
