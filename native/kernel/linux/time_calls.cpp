// Reading clocks and sleeping: clock_gettime(2), clock_nanosleep(2), nanosleep(2), time(2).
#include "linux/cpu_clock.h"
#include "linux/process_info.h"
#include "linux/system_calls.h"
#include "linux/time_convert.h"
#include "sched/thread.h"
#include "sched/wait_queue.h"
#include "time/clock.h"
#include "time/clock_source.h"

namespace runtime {

namespace {

// Clock ids, clock_gettime(2).
constexpr int kClockRealtime = 0;
constexpr int kClockMonotonic = 1;
constexpr int kClockProcessCpu = 2;
constexpr int kClockThreadCpu = 3;
constexpr int kClockMonotonicRaw = 4;
constexpr int kClockRealtimeCoarse = 5;
constexpr int kClockMonotonicCoarse = 6;
constexpr int kClockBoot = 7;
constexpr int kClockRealtimeAlarm = 8;
constexpr int kClockBootAlarm = 9;
constexpr int kClockInternationalAtomic = 11;

constexpr int kTimerAbsolute = 1;

/// What a clock measures.
enum class Source { Wall, Monotonic, Raw, ProcessCpu, ThreadCpu };

struct Clock {
  Source source;
  RefPtr<Thread> thread;  // for ThreadCpu
};

/// Negative ids name the CPU clock of a process or thread, as clock_getcpuclockid(3) and
/// pthread_getcpuclockid(3) make them: ~id << 3, bit 2 for a thread, the kind in bits 0 and 1.
Result<Clock> decode_cpu_clock(int id) {
  constexpr int kThreadBit = 4;
  constexpr int kKindMask = 3;
  constexpr int kInvalidKind = 3;
  if ((id & kKindMask) == kInvalidKind) return Errno::Invalid;
  const int target = ~(id >> 3);
  if (id & kThreadBit) {
    RefPtr<Thread> thread = target == 0 ? RefPtr<Thread>(Thread::current()) : find_thread(target);
    if (!thread) return Errno::Invalid;
    return Clock{Source::ThreadCpu, thread};
  }
  if (target != 0 && target != kProcessId) return Errno::Invalid;
  return Clock{Source::ProcessCpu, nullptr};
}

Result<Clock> decode_clock(int id) {
  switch (id) {
    case kClockRealtime:
    case kClockRealtimeCoarse:
    case kClockRealtimeAlarm:
    case kClockInternationalAtomic:  // no leap seconds are known, so it equals UTC, as on Linux
      return Clock{Source::Wall, nullptr};
    case kClockMonotonicRaw:
      return Clock{Source::Raw, nullptr};
    case kClockMonotonic:
    case kClockMonotonicCoarse:
    case kClockBoot:  // the machine is never suspended
    case kClockBootAlarm:
      return Clock{Source::Monotonic, nullptr};
    case kClockProcessCpu:
      return Clock{Source::ProcessCpu, nullptr};
    case kClockThreadCpu:
      return Clock{Source::ThreadCpu, RefPtr<Thread>(Thread::current())};
    default:
      if (id < 0) return decode_cpu_clock(id);
      return Errno::Invalid;
  }
}

uint64_t read_clock(const Clock& clock) {
  switch (clock.source) {
    case Source::Wall:
      return wall_clock_nanoseconds();
    case Source::Monotonic:
      return monotonic_nanoseconds();
    case Source::Raw:
      return raw_nanoseconds();
    case Source::ProcessCpu:
      return process_cpu_time().total();
    case Source::ThreadCpu:
      return thread_cpu_time(*clock.thread).total();
  }
  return 0;
}

/// Sleeps until `deadline`. Returns false when a signal came first.
bool sleep_until(Deadline deadline) {
  Sleeper sleeper;
  for (;;) {
    sleeper.prepare();
    if (deadline.has_passed()) return true;
    switch (sleeper.sleep(deadline, true)) {
      case WaitResult::TimedOut:
        return true;
      case WaitResult::Interrupted:
        return false;
      case WaitResult::Ready:
        break;  // woken for nothing
    }
  }
}

/// Sleeps until `clock` reads `target`. Returns false when a signal came first.
bool sleep_until_clock(const Clock& clock, uint64_t target) {
  for (;;) {
    const uint64_t now = read_clock(clock);
    if (now >= target) return true;
    uint64_t duration = target - now;
    if (clock.source == Source::ProcessCpu) {
      // CPU time passes at most as fast as time on all CPUs together: sleep that long, look again.
      duration = max_of(duration / cpu_info().count, kNanosecondsPerMillisecond);
    }
    if (!sleep_until(Deadline::after(duration))) return false;
  }
}

/// The common part of nanosleep and clock_nanosleep.
Result<uint64_t> sleep_on_clock(const Clock& clock, bool is_absolute, UserPtr<TimeSpec> time,
                                UserPtr<TimeSpec> remaining) {
  Result<TimeSpec> requested = time.read();
  if (requested.is_error()) return requested.error();
  if (!is_valid_time(requested.value())) return Errno::Invalid;
  const uint64_t amount = to_nanoseconds(requested.value());
  const uint64_t target = is_absolute ? amount : saturating_add(read_clock(clock), amount);
  if (sleep_until_clock(clock, target)) return 0;
  if (!is_absolute && remaining) {
    const uint64_t now = read_clock(clock);
    Result<void> written = remaining.write(to_time_spec(target > now ? target - now : 0));
    if (written.is_error()) return written.error();
  }
  return Errno::Interrupted;  // never restarted after a handler, signal(7)
}

/// struct timezone, which only ever holds zeroes.
struct TimeZone {
  int32_t minutes_west;
  int32_t daylight_saving;
};

}  // namespace

Result<uint64_t> sys_nanosleep(UserPtr<TimeSpec> duration, UserPtr<TimeSpec> remaining) {
  return sleep_on_clock(Clock{Source::Monotonic, nullptr}, false, duration, remaining);
}

Result<uint64_t> sys_clock_nanosleep(int clock_id, int flags, UserPtr<TimeSpec> time,
                                     UserPtr<TimeSpec> remaining) {
  switch (clock_id) {
    case kClockMonotonicRaw:
    case kClockRealtimeCoarse:
    case kClockMonotonicCoarse:
      return Errno::NotSupported;
    case kClockThreadCpu:
      return Errno::Invalid;
    default:
      break;
  }
  Result<Clock> clock = decode_clock(clock_id);
  if (clock.is_error()) return clock.error();
  if (clock.value().source == Source::ThreadCpu) return Errno::NotSupported;
  return sleep_on_clock(clock.value(), (flags & kTimerAbsolute) != 0, time, remaining);
}

Result<uint64_t> sys_clock_gettime(int clock_id, UserPtr<TimeSpec> time) {
  Result<Clock> clock = decode_clock(clock_id);
  if (clock.is_error()) return clock.error();
  Result<void> written = time.write(to_time_spec(read_clock(clock.value())));
  if (written.is_error()) return written.error();
  return 0;
}

Result<uint64_t> sys_clock_getres(int clock_id, UserPtr<TimeSpec> resolution) {
  Result<Clock> clock = decode_clock(clock_id);
  if (clock.is_error()) return clock.error();
  if (resolution) {
    // Also the coarse clocks: without a periodic tick there is nothing coarse to read.
    Result<void> written = resolution.write(TimeSpec{0, 1});
    if (written.is_error()) return written.error();
  }
  return 0;
}

Result<uint64_t> sys_gettimeofday(UserPtr<TimeValue> time, UserPtr<void> zone) {
  if (time) {
    Result<void> written = time.write(to_time_value(wall_clock_nanoseconds()));
    if (written.is_error()) return written.error();
  }
  if (zone) {
    Result<void> written = zone.cast<TimeZone>().write(TimeZone{0, 0});
    if (written.is_error()) return written.error();
  }
  return 0;
}

Result<uint64_t> sys_time(UserPtr<int64_t> time) {
  const uint64_t seconds = wall_clock_nanoseconds() / kNanosecondsPerSecond;
  if (time) {
    Result<void> written = time.write(static_cast<int64_t>(seconds));
    if (written.is_error()) return written.error();
  }
  return seconds;
}

}  // namespace runtime
