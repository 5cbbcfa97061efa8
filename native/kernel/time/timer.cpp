#include "time/timer.h"

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
  if (!cancel_timer(timer)) wait_for_running_timer(timer);
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
      note_running_timer(first);
      return first;
    });
    if (!due) return;
    due->callback(due);
    note_running_timer(nullptr);
  }
}

}  // namespace runtime
