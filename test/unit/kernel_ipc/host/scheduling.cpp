// Spinlocks, wait queues, sleeping and time. Threads are the host's; the clock only moves when a
// test says so.
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "host.h"
#include "lib/format.h"
#include "sched/wait_queue.h"
#include "signals.h"
#include "sync/spinlock.h"
#include "time/clock_source.h"
#include "time/timer.h"

namespace host {

namespace {

thread_local uint32_t held_ranks = 0;

std::atomic<uint64_t> now{runtime::kNanosecondsPerSecond};
std::atomic<uint64_t> next_alarm{UINT64_MAX};
std::atomic<int> sleepers{0};

/// Everybody sleeps on one condition variable: there are few threads, and wake-ups by signals and
/// by the clock concern all of them.
std::mutex sleep_mutex;
std::condition_variable sleep_condition;

struct HostThread {
  bool wake_pending = false;  // under sleep_mutex
};
thread_local HostThread this_thread;

}  // namespace

uint32_t held_lock_ranks() { return held_ranks; }
int sleeping_threads() { return sleepers; }

void wake_all_sleepers() {
  std::lock_guard<std::mutex> guard(sleep_mutex);
  sleep_condition.notify_all();
}

}  // namespace host

namespace runtime {

bool SpinLock::lock() {
  const uint32_t bit = 1u << static_cast<unsigned>(rank_);
  RUNTIME_ASSERT(host::held_ranks < bit);
  host::held_ranks |= bit;
  while (__atomic_exchange_n(&taken_, true, __ATOMIC_ACQUIRE)) sched_yield();
  return true;
}

void SpinLock::unlock(bool) {
  __atomic_store_n(&taken_, false, __ATOMIC_RELEASE);
  host::held_ranks &= ~(1u << static_cast<unsigned>(rank_));
}

Sleeper::Sleeper() : thread_(reinterpret_cast<Thread*>(&host::this_thread)) {}

void Sleeper::prepare() {
  std::lock_guard<std::mutex> guard(host::sleep_mutex);
  host::this_thread.wake_pending = false;
}

WaitResult Sleeper::sleep(Deadline deadline, bool interruptible) {
  RUNTIME_ASSERT(host::held_ranks == 0);
  std::unique_lock<std::mutex> lock(host::sleep_mutex);
  if (deadline.has_passed()) return WaitResult::TimedOut;
  ++host::sleepers;
  host::sleep_condition.wait(lock, [&] {
    return host::this_thread.wake_pending || deadline.has_passed() ||
           (interruptible && host::has_deliverable_signal());
  });
  --host::sleepers;
  if (interruptible && host::has_deliverable_signal()) return WaitResult::Interrupted;
  if (deadline.has_passed()) return WaitResult::TimedOut;
  return WaitResult::Ready;
}

void Sleeper::wake() {
  std::lock_guard<std::mutex> guard(host::sleep_mutex);
  reinterpret_cast<host::HostThread*>(thread_)->wake_pending = true;
  host::sleep_condition.notify_all();
}

bool Sleeper::wake_callback(WaitEntry* entry, uint32_t) {
  static_cast<Sleeper*>(entry->context)->wake();
  return true;
}

uint64_t monotonic_nanoseconds() { return host::now; }
uint64_t wall_clock_nanoseconds() { return 1700000000 * kNanosecondsPerSecond + host::now; }

void alarm_at(uint64_t deadline) { host::next_alarm = deadline; }
void note_running_timer(Timer*) {}
void wait_for_running_timer(Timer*) {}

}  // namespace runtime

namespace host {

void advance_clock(uint64_t nanoseconds) {
  const uint64_t target = now + nanoseconds;
  // Step by step, so that each timer sees the time at which it was due.
  for (;;) {
    next_alarm = UINT64_MAX;
    runtime::run_timers();
    if (next_alarm > target) break;
    now = next_alarm.load();
  }
  now = target;
  wake_all_sleepers();
}

}  // namespace host
