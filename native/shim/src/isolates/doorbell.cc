#include "doorbell.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace runtime {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
// What ends a wait.
constexpr uint32_t kEvents =
    RUNTIME_EVENT_WAKE | RUNTIME_EVENT_BROKER | RUNTIME_EVENT_INTERRUPT | RUNTIME_EVENT_TERMINAL;

void Futex(std::atomic<uint32_t>* word, int operation, uint32_t value, const timespec* timeout) {
  static_assert(sizeof(*word) == sizeof(uint32_t));
  // Its result does not matter: whoever waits looks at the word again.
  (void)syscall(SYS_futex, word, operation, value, timeout, nullptr, 0);
}

}  // namespace

void EventWordDoorbell::Wait(uint64_t deadline) { kernel_.wait_for_events(kEvents, deadline); }

void FutexDoorbell::Ring() {
  if (rung_.exchange(1) == 0) Futex(&rung_, FUTEX_WAKE_PRIVATE, 1, nullptr);
}

void FutexDoorbell::Wait(uint64_t deadline) {
  while (rung_.exchange(0) == 0) {
    if (deadline == RUNTIME_NO_DEADLINE) {
      Futex(&rung_, FUTEX_WAIT_PRIVATE, 0, nullptr);
      continue;
    }
    const uint64_t now = kernel_.monotonic_nanoseconds();
    if (now >= deadline) return;
    const uint64_t rest = deadline - now;
    const timespec timeout = {static_cast<time_t>(rest / kNanosecondsPerSecond),
                              static_cast<long>(rest % kNanosecondsPerSecond)};
    Futex(&rung_, FUTEX_WAIT_PRIVATE, 0, &timeout);
  }
}

}  // namespace runtime
