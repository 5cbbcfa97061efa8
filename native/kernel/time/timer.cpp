#include "time/timer.h"

#include "smp/cpus.h"
#include "sync/spinlock.h"
#include "time/clock_source.h"

namespace runtime {

namespace {

/// Active timers, earliest first.
struct TimerQueue {
  List<Timer, &Timer::node> timers;
};
Locked<TimerQueue> timer_queue(LockRank::Timer);

}  // namespace

void start_timer(Timer* timer, Deadline deadline) {
  if (deadline.is_never()) {
    cancel_timer(timer);
    return;
  }
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
    alarm_at(queue.timers.front()->deadline);
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

void cancel_timer_and_wait(Timer* timer) {
  if (cancel_timer(timer)) return;
  for (unsigned i = 0; i < cpu_count(); ++i) {
    CpuLocal& cpu = cpu_at(i);
    if (&cpu == &this_cpu()) continue;
    while (__atomic_load_n(&cpu.running_timer, __ATOMIC_ACQUIRE) == timer) asm volatile("pause");
  }
}

void run_timers() {
  for (;;) {
    const uint64_t now = monotonic_nanoseconds();
    Timer* due = timer_queue.with([now](TimerQueue& queue) -> Timer* {
      Timer* first = queue.timers.front();
      if (!first) return nullptr;
      if (first->deadline > now) {
        alarm_at(first->deadline);
        return nullptr;
      }
      first->node.unlink();
      first->is_active = false;
      __atomic_store_n(&this_cpu().running_timer, first, __ATOMIC_RELEASE);
      return first;
    });
    if (!due) return;
    due->callback(due);
    __atomic_store_n(&this_cpu().running_timer, nullptr, __ATOMIC_RELEASE);
  }
}

}  // namespace runtime
