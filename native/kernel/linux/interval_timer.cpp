// Interval timers: setitimer(2), getitimer(2). The real-time one sends SIGALRM. The two that count
// CPU time (ITIMER_VIRTUAL, ITIMER_PROF) are not implemented and refused with EINVAL.
#include "linux/signals.h"
#include "linux/system_calls.h"
#include "linux/time_convert.h"
#include "sync/spinlock.h"
#include "time/timer.h"

namespace runtime {

namespace {

constexpr int kIntervalTimerReal = 0;
constexpr int kSignalFromKernel = 0x80;  // SI_KERNEL

/// struct itimerval.
struct IntervalTimerValue {
  TimeValue interval;
  TimeValue value;
};

/// The real-time interval timer. Its lock ranks like a timerfd's, below the timer queue's.
struct RealTimer {
  Timer timer;
  bool is_armed = false;
  uint64_t deadline = 0;
  uint64_t interval = 0;
};
SpinLock real_timer_lock(LockRank::Pipe);
RealTimer real_timer;

/// Runs in interrupt context at the deadline.
void real_timer_expired(Timer*) {
  {
    SpinGuard guard(real_timer_lock);
    const uint64_t now = monotonic_nanoseconds();
    // setitimer may have changed the timer while this call was on its way.
    if (!real_timer.is_armed || now < real_timer.deadline) return;
    if (real_timer.interval) {
      const uint64_t missed = (now - real_timer.deadline) / real_timer.interval;
      real_timer.deadline = saturating_add(real_timer.deadline, (missed + 1) * real_timer.interval);
      start_timer(&real_timer.timer, Deadline::at_nanoseconds(real_timer.deadline));
    } else {
      real_timer.is_armed = false;
    }
  }
  send_process_signal(kSignalAlarm, sender_signal_info(kSignalAlarm, kSignalFromKernel));
}

/// The timer's current value. The lock is held.
IntervalTimerValue current_value() {
  IntervalTimerValue result = {{0, 0}, {0, 0}};
  if (!real_timer.is_armed) return result;
  const uint64_t now = monotonic_nanoseconds();
  uint64_t left = real_timer.deadline > now ? real_timer.deadline - now : 0;
  // Zero would say "disarmed", which it is not.
  left = left < kNanosecondsPerMicrosecond ? kNanosecondsPerMicrosecond : left;
  result.interval = to_time_value(real_timer.interval);
  result.value = to_time_value(left);
  return result;
}

/// Sets the timer `value` from now; zero stops it. The lock is held.
void arm(uint64_t value, uint64_t interval) {
  cancel_timer(&real_timer.timer);
  real_timer.is_armed = value != 0;
  real_timer.interval = interval;
  if (!value) return;
  real_timer.deadline = saturating_add(monotonic_nanoseconds(), value);
  real_timer.timer.callback = real_timer_expired;
  start_timer(&real_timer.timer, Deadline::at_nanoseconds(real_timer.deadline));
}

}  // namespace

Result<uint64_t> sys_getitimer(int which, UserPtr<void> value) {
  if (which != kIntervalTimerReal) return Errno::Invalid;
  IntervalTimerValue current;
  {
    SpinGuard guard(real_timer_lock);
    current = current_value();
  }
  Result<void> written = value.cast<IntervalTimerValue>().write(current);
  if (written.is_error()) return written.error();
  return 0;
}

Result<uint64_t> sys_setitimer(int which, UserPtr<void> value, UserPtr<void> old_value) {
  if (which != kIntervalTimerReal) return Errno::Invalid;
  IntervalTimerValue wanted = {{0, 0}, {0, 0}};  // a null pointer stops the timer, as on Linux
  if (value) {
    Result<IntervalTimerValue> read = value.cast<IntervalTimerValue>().read();
    if (read.is_error()) return read.error();
    wanted = read.value();
  }
  if (!is_valid_time(wanted.value) || !is_valid_time(wanted.interval)) return Errno::Invalid;
  IntervalTimerValue before;
  {
    SpinGuard guard(real_timer_lock);
    before = current_value();
    arm(to_nanoseconds(wanted.value), to_nanoseconds(wanted.interval));
  }
  if (old_value) {
    Result<void> written = old_value.cast<IntervalTimerValue>().write(before);
    if (written.is_error()) return written.error();
  }
  return 0;
}

}  // namespace runtime
