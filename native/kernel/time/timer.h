// One-shot timers on the monotonic clock; the timer interrupt is programmed for the earliest one.
#pragma once

#include "time/clock.h"
#include "time/timer_heap.h"

namespace runtime {

/// A callback at a deadline. Owned by its user, who cancels it before it goes away.
struct Timer : TimerHeapEntry {
  /// Runs in interrupt context with interrupts off and no timer lock held; may start timers again.
  using Callback = void (*)(Timer* timer);

  Callback callback = nullptr;
  void* context = nullptr;
  bool is_active = false;
};

/// Starts `timer` (again, if it was active) for `deadline`; a passed deadline fires at once.
void start_timer(Timer* timer, Deadline deadline);
/// Stops `timer`. Returns true when it was still active, i.e. its callback will not run.
bool cancel_timer(Timer* timer);
/// Stops `timer` and waits until its callback does not run on another CPU any more: for owners that go
/// away. No lock may be held that the callback takes.
void cancel_timer_and_wait(Timer* timer);

}  // namespace runtime
