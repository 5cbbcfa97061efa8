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
#include "time/timer.h"

namespace host {

namespace {

thread_local uint32_t held_ranks = 0;

std::atomic<uint64_t> now{runtime::kNanosecondsPerSecond};
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

void WaitQueue::add(WaitEntry* entry) {
  SpinGuard guard(lock_);
  entry->queue = this;
  entries_.push_back(entry);
}

void WaitQueue::remove(WaitEntry* entry) {
  SpinGuard guard(lock_);
  entry->node.unlink();
  entry->queue = nullptr;
}

void WaitQueue::wake_all(uint32_t events) {
  SpinGuard guard(lock_);
  entries_.for_each([events](WaitEntry* entry) { entry->callback(entry, events); });
}

void WaitQueue::wake_one(uint32_t events) {
  SpinGuard guard(lock_);
  bool used = false;
  entries_.for_each([&](WaitEntry* entry) {
    if (!used) used = entry->callback(entry, events);
  });
}

bool WaitQueue::has_waiters() {
  SpinGuard guard(lock_);
  return !entries_.is_empty();
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

namespace {

struct TimerQueue {
  List<Timer, &Timer::node> timers;  // earliest first
};
Locked<TimerQueue> timer_queue(LockRank::Timer);

}  // namespace

void start_timer(Timer* timer, Deadline deadline) {
  timer_queue.with([=](TimerQueue& queue) {
    if (timer->is_active) timer->node.unlink();
    timer->deadline = deadline.at;
    timer->is_active = true;
    Timer* later = queue.timers.front();
    while (later && later->deadline <= timer->deadline) later = queue.timers.next(later);
    if (later) {
      queue.timers.insert_before(later, timer);
    } else {
      queue.timers.push_back(timer);
    }
  });
}

bool cancel_timer(Timer* timer) {
  return timer_queue.with([=](TimerQueue&) {
    const bool was_active = timer->is_active;
    if (was_active) timer->node.unlink();
    timer->is_active = false;
    return was_active;
  });
}

}  // namespace runtime

namespace host {

void advance_clock(uint64_t nanoseconds) {
  const uint64_t target = now + nanoseconds;
  for (;;) {
    runtime::Timer* due =
        runtime::timer_queue.with([target](runtime::TimerQueue& queue) -> runtime::Timer* {
          runtime::Timer* first = queue.timers.front();
          if (!first || first->deadline > target) return nullptr;
          first->node.unlink();
          first->is_active = false;
          return first;
        });
    if (!due) break;
    if (due->deadline > now) now = due->deadline;
    due->callback(due);
  }
  now = target;
  wake_all_sleepers();
}

}  // namespace host
