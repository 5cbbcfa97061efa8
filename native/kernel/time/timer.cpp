#include "time/timer.h"

#include "sync/spinlock.h"
#include "time/clock_source.h"

namespace runtime {

namespace {

Locked<TimerHeap> active_timers(LockRank::Timer);

}  // namespace

void start_timer(Timer* timer, Deadline deadline) {
  if (deadline.is_never()) {
    cancel_timer(timer);
    return;
  }
  active_timers.with([=](TimerHeap& timers) {
    if (timer->is_active) timers.remove(timer);
    timer->deadline = deadline.at;
    timer->is_active = true;
    timers.add(timer);
    alarm_at(timers.first()->deadline);
  });
}

bool cancel_timer(Timer* timer) {
  return active_timers.with([=](TimerHeap& timers) {
    const bool was_active = timer->is_active;
    if (was_active) timers.remove(timer);
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
    Timer* due = active_timers.with([now](TimerHeap& timers) -> Timer* {
      Timer* const first = static_cast<Timer*>(timers.first());
      if (!first) return nullptr;
      if (first->deadline > now) {
        alarm_at(first->deadline);
        return nullptr;
      }
      timers.remove(first);
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
