// timerfd_create(2): timers that are read like files.
//
// As on Linux a periodic timer is started again only when its expirations are read, so a timer that
// nobody looks at costs one interrupt; the expirations that were missed are counted then.
#include "linux/fd_table.h"
#include "linux/ipc/install.h"
#include "linux/ipc/pollable_file.h"
#include "linux/system_calls.h"
#include "time/timer.h"

namespace runtime {

namespace {

constexpr int kClockRealtime = 0;
constexpr int kClockMonotonic = 1;
constexpr int kClockBoottime = 7;
constexpr int kClockRealtimeAlarm = 8;
constexpr int kClockBoottimeAlarm = 9;
constexpr int kAbsoluteTimeFlag = 1;  // TFD_TIMER_ABSTIME
constexpr int kCancelOnSetFlag = 2;   // TFD_TIMER_CANCEL_ON_SET

/// struct itimerspec.
struct IntervalTimerSpec {
  TimeSpec interval;
  TimeSpec value;
};

bool is_valid_time(const TimeSpec& time) {
  return time.seconds >= 0 && time.nanoseconds >= 0 &&
         time.nanoseconds < static_cast<int64_t>(kNanosecondsPerSecond);
}

/// Saturates: 292 years are as good as never.
uint64_t nanoseconds_of(const TimeSpec& time) {
  if (time.seconds >= INT64_MAX / static_cast<int64_t>(kNanosecondsPerSecond)) return INT64_MAX;
  return static_cast<uint64_t>(time.seconds) * kNanosecondsPerSecond +
         static_cast<uint64_t>(time.nanoseconds);
}

TimeSpec timespec_of(uint64_t nanoseconds) {
  return TimeSpec{static_cast<int64_t>(nanoseconds / kNanosecondsPerSecond),
                  static_cast<int64_t>(nanoseconds % kNanosecondsPerSecond)};
}

class TimerFd : public AnonymousFile {
 public:
  TimerFd(bool is_wall_clock, int status_flags)
      : AnonymousFile(status_flags, "[timerfd]"),
        is_wall_clock_(is_wall_clock),
        lock_(LockRank::Pipe) {
    timer_.callback = expire;
    timer_.context = this;
  }

  /// Returns the expirations since the last read as 8 bytes, waiting for the first.
  Result<size_t> read(IoBuffer& buffer) override {
    if (buffer.remaining() < sizeof(uint64_t)) return Errno::Invalid;
    uint64_t expirations = take_expirations();
    if (expirations == 0) {
      if (is_non_blocking()) return Errno::Again;
      const WaitResult waited = queue_.wait([this, &expirations] {
        expirations = take_expirations();
        return expirations > 0;
      });
      if (waited != WaitResult::Ready) return Errno::Restart;
    }
    Result<void> copied = buffer.put(&expirations, sizeof(expirations));
    if (copied.is_error()) return copied.error();
    return sizeof(expirations);
  }

  uint32_t poll_events() override {
    SpinGuard guard(lock_);
    return expirations_ > 0 ? kPollIn : 0;
  }
  WaitQueue* poll_queue() override { return &queue_; }
  Kind kind() const override { return Kind::TimerFd; }

  /// The time until the next expiration and the interval.
  IntervalTimerSpec setting() {
    SpinGuard guard(lock_);
    count_missed();
    return current_setting();
  }

  /// Sets the timer; returns what `setting` was. A zero value stops it.
  IntervalTimerSpec set(const IntervalTimerSpec& wanted, bool is_absolute) {
    SpinGuard guard(lock_);
    count_missed();
    const IntervalTimerSpec old = current_setting();
    cancel_timer(&timer_);
    expirations_ = 0;
    interval_ = nanoseconds_of(wanted.interval);
    const uint64_t value = nanoseconds_of(wanted.value);
    is_armed_ = value > 0;
    if (is_armed_) {
      next_ = is_absolute ? monotonic_moment(value) : monotonic_nanoseconds() + value;
      start_timer(&timer_, Deadline::at_nanoseconds(next_));
    }
    return old;
  }

 protected:
  ~TimerFd() override { cancel_timer_and_wait(&timer_); }

 private:
  static void expire(Timer* timer) {
    TimerFd* self = static_cast<TimerFd*>(timer->context);
    {
      SpinGuard guard(self->lock_);
      // Set again while this was on its way: the new deadline gets its own interrupt.
      if (!self->is_armed_ || self->expirations_ > 0) return;
      if (monotonic_nanoseconds() < self->next_) return;
      self->expirations_ = 1;
      self->next_ += self->interval_;
      self->is_armed_ = self->interval_ > 0;
    }
    self->queue_.wake_all(kPollIn);
  }

  uint64_t take_expirations() {
    SpinGuard guard(lock_);
    if (expirations_ == 0) return 0;
    count_missed();
    const uint64_t taken = expirations_;
    expirations_ = 0;
    if (is_armed_) start_timer(&timer_, Deadline::at_nanoseconds(next_));
    return taken;
  }

  // With the lock held.

  /// Counts the expirations of a periodic timer since the one that its interrupt counted.
  void count_missed() {
    if (expirations_ == 0 || !is_armed_) return;
    const uint64_t now = monotonic_nanoseconds();
    if (now < next_) return;
    const uint64_t missed = (now - next_) / interval_ + 1;
    expirations_ += missed;
    next_ += missed * interval_;
  }

  IntervalTimerSpec current_setting() const {
    const uint64_t now = monotonic_nanoseconds();
    uint64_t left = is_armed_ && next_ > now ? next_ - now : 0;
    // Due, but its interrupt has not come yet: not the 0 of a stopped timer.
    if (is_armed_ && left == 0 && expirations_ == 0) left = 1;
    return IntervalTimerSpec{timespec_of(interval_), timespec_of(left)};
  }

  uint64_t monotonic_moment(uint64_t absolute) const {
    if (!is_wall_clock_) return absolute;
    const uint64_t boot = wall_clock_nanoseconds() - monotonic_nanoseconds();
    return absolute > boot ? absolute - boot : 0;
  }

  const bool is_wall_clock_;
  SpinLock lock_;
  Timer timer_;
  uint64_t next_ = 0;      // first expiration not counted yet, on the monotonic clock
  uint64_t interval_ = 0;  // nanoseconds, 0: once
  uint64_t expirations_ = 0;
  bool is_armed_ = false;
  WaitQueue queue_;
};

Result<RefPtr<File>> get_timer(int descriptor) {
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (!file.is_error() && file.value()->kind() != File::Kind::TimerFd) return Errno::Invalid;
  return file;
}

}  // namespace

/// The alarm clocks would wake a suspended machine, which this kernel never suspends: they need a
/// capability that the application does not have.
Result<uint64_t> sys_timerfd_create(int clock, int flags) {
  if (flags & ~(kOpenNonBlocking | kOpenCloseOnExec)) return Errno::Invalid;
  if (clock == kClockRealtimeAlarm || clock == kClockBoottimeAlarm) return Errno::Perm;
  if (clock != kClockRealtime && clock != kClockMonotonic && clock != kClockBoottime) {
    return Errno::Invalid;
  }
  const int status_flags = kOpenReadWrite | (flags & kOpenNonBlocking);
  RefPtr<File> file = RefPtr<File>::adopt(new TimerFd(clock == kClockRealtime, status_flags));
  return install_file(file, (flags & kOpenCloseOnExec) != 0);
}

/// TFD_TIMER_CANCEL_ON_SET is taken and never has an effect: nothing sets the wall clock.
Result<uint64_t> sys_timerfd_settime(int descriptor, int flags, UserPtr<void> value,
                                     UserPtr<void> old_value) {
  Result<IntervalTimerSpec> wanted = value.cast<IntervalTimerSpec>().read();
  if (wanted.is_error()) return wanted.error();
  if (flags & ~(kAbsoluteTimeFlag | kCancelOnSetFlag)) return Errno::Invalid;
  if (!is_valid_time(wanted.value().interval) || !is_valid_time(wanted.value().value)) {
    return Errno::Invalid;
  }
  Result<RefPtr<File>> file = get_timer(descriptor);
  if (file.is_error()) return file.error();
  TimerFd* timer = static_cast<TimerFd*>(file.value().get());
  const IntervalTimerSpec old = timer->set(wanted.value(), (flags & kAbsoluteTimeFlag) != 0);
  if (old_value) {
    Result<void> copied = old_value.cast<IntervalTimerSpec>().write(old);
    if (copied.is_error()) return copied.error();
  }
  return uint64_t{0};
}

Result<uint64_t> sys_timerfd_gettime(int descriptor, UserPtr<void> value) {
  Result<RefPtr<File>> file = get_timer(descriptor);
  if (file.is_error()) return file.error();
  const IntervalTimerSpec setting = static_cast<TimerFd*>(file.value().get())->setting();
  Result<void> copied = value.cast<IntervalTimerSpec>().write(setting);
  if (copied.is_error()) return copied.error();
  return uint64_t{0};
}

}  // namespace runtime
