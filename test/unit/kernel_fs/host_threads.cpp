// Threads and locks on the host: one thread, so locks only check their order, and nothing sleeps.
#include "lib/format.h"
#include "sched/wait_queue.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {
uint32_t held_ranks = 0;
}

bool SpinLock::lock() {
  const uint32_t bit = 1u << static_cast<unsigned>(rank_);
  RUNTIME_ASSERT(!taken_);
  RUNTIME_ASSERT(held_ranks < bit);
  held_ranks |= bit;
  taken_ = true;
  return true;
}

void SpinLock::unlock(bool) {
  held_ranks &= ~(1u << static_cast<unsigned>(rank_));
  taken_ = false;
}

// A thread that would sleep is "interrupted by a signal": the call must cope and come back.
Sleeper::Sleeper() : thread_(nullptr) {}
void Sleeper::prepare() { RUNTIME_ASSERT(held_ranks == 0); }
WaitResult Sleeper::sleep(Deadline, bool interruptible) {
  RUNTIME_ASSERT(held_ranks == 0);
  if (!interruptible) panic("the only thread would sleep for ever: a mutex is taken twice");
  return WaitResult::Interrupted;
}
bool Sleeper::wake_callback(WaitEntry*, uint32_t) { return false; }
void Sleeper::wake() {}

}  // namespace runtime
