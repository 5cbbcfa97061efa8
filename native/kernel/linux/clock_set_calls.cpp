// Setting and steering the wall clock: clock_settime(2), settimeofday(2), adjtimex(2), clock_adjtime(2).
#include "linux/system_calls.h"
#include "linux/time_convert.h"
#include "sync/spinlock.h"
#include "time/clock.h"
#include "time/clock_source.h"
#include "time/wall_clock.h"

namespace runtime {

namespace {

constexpr int kClockRealtime = 0;

// Modes of adjtimex(2).
constexpr uint32_t kAdjustOffset = 0x1;
constexpr uint32_t kAdjustFrequency = 0x2;
constexpr uint32_t kAdjustMaximumError = 0x4;
constexpr uint32_t kAdjustEstimatedError = 0x8;
constexpr uint32_t kAdjustStatus = 0x10;
constexpr uint32_t kAdjustTimeConstant = 0x20;
constexpr uint32_t kAdjustAtomicOffset = 0x80;
constexpr uint32_t kAdjustSetOffset = 0x100;
constexpr uint32_t kAdjustMicroseconds = 0x1000;
constexpr uint32_t kAdjustNanoseconds = 0x2000;
constexpr uint32_t kAdjustTick = 0x4000;
constexpr uint32_t kAdjustSingleShot = 0x8001;
constexpr uint32_t kAdjustSingleShotRead = 0xa001;
constexpr uint32_t kKnownModes = kAdjustOffset | kAdjustFrequency | kAdjustMaximumError |
                                 kAdjustEstimatedError | kAdjustStatus | kAdjustTimeConstant |
                                 kAdjustAtomicOffset | kAdjustSetOffset | kAdjustMicroseconds |
                                 kAdjustNanoseconds | kAdjustTick;

constexpr int32_t kStatusUnsynchronised = 0x40;
constexpr int32_t kStatusNanoseconds = 0x2000;
constexpr int32_t kStatusReadOnly = 0xff00;
constexpr uint64_t kTimeOk = 0;
constexpr uint64_t kTimeError = 5;

/// Units of 2^-16 parts per million; at most 500 ppm.
constexpr int64_t kFrequencyUnit = 65536;
constexpr int64_t kMostFrequency = 500 * kFrequencyUnit;
constexpr int64_t kBillionthsPerMillionth = 1000;
constexpr int64_t kTickMicroseconds = 10000;
/// What ADJ_OFFSET corrects at most at once.
constexpr int64_t kMostOffset = 500000000;

/// struct timex, adjtimex(2).
struct Timex {
  uint32_t modes;
  int64_t offset;
  int64_t frequency;
  int64_t maximum_error;
  int64_t estimated_error;
  int32_t status;
  int64_t constant;
  int64_t precision;
  int64_t tolerance;
  TimeValue time;
  int64_t tick;
  int64_t pulse_frequency;
  int64_t jitter;
  int32_t shift;
  int64_t stability;
  int64_t jitter_limit_exceeded;
  int64_t calibration_intervals;
  int64_t calibration_errors;
  int64_t stability_limit_exceeded;
  int32_t atomic_offset;
  int32_t padding[11];
};
static_assert(sizeof(Timex) == 208, "struct timex is 208 bytes on x86-64");

/// What the program that steers the clock told last.
struct Discipline {
  int32_t status = kStatusUnsynchronised;
  int64_t maximum_error = 16000000;  // microseconds
  int64_t estimated_error = 16000000;
  int64_t constant = 2;
  int32_t atomic_offset = 0;
};
Locked<Discipline> discipline(LockRank::Timer);

int64_t in_unit(int64_t nanoseconds, int32_t status) {
  return status & kStatusNanoseconds
             ? nanoseconds
             : nanoseconds / static_cast<int64_t>(kNanosecondsPerMicrosecond);
}

int64_t from_unit(int64_t value, int32_t status) {
  return status & kStatusNanoseconds ? value
                                     : value * static_cast<int64_t>(kNanosecondsPerMicrosecond);
}

int64_t clamp(int64_t value, int64_t limit) {
  return value > limit ? limit : value < -limit ? -limit : value;
}

/// Reads `time` of a set-offset request; its fraction is in nanoseconds with ADJ_NANO.
bool decode_set_offset(const Timex& timex, int64_t* nanoseconds) {
  const int64_t unit =
      timex.modes & kAdjustNanoseconds ? 1 : static_cast<int64_t>(kNanosecondsPerMicrosecond);
  const int64_t fraction = timex.time.microseconds;
  constexpr int64_t kSecond = static_cast<int64_t>(kNanosecondsPerSecond);
  constexpr int64_t kMostSeconds = INT64_MAX / kSecond - 1;
  if (fraction < 0 || fraction * unit >= kSecond) return false;
  if (timex.time.seconds > kMostSeconds || timex.time.seconds < -kMostSeconds) return false;
  *nanoseconds = timex.time.seconds * kSecond + fraction * unit;
  return true;
}

void apply_discipline(const Timex& timex) {
  discipline.with([&timex](Discipline& state) {
    if (timex.modes & kAdjustStatus)
      state.status = (timex.status & ~kStatusReadOnly) | (state.status & kStatusReadOnly);
    if (timex.modes & kAdjustNanoseconds) state.status |= kStatusNanoseconds;
    if (timex.modes & kAdjustMicroseconds) state.status &= ~kStatusNanoseconds;
    if (timex.modes & kAdjustMaximumError) state.maximum_error = timex.maximum_error;
    if (timex.modes & kAdjustEstimatedError) state.estimated_error = timex.estimated_error;
    if (timex.modes & kAdjustTimeConstant) state.constant = timex.constant;
    if (timex.modes & kAdjustAtomicOffset)
      state.atomic_offset = static_cast<int32_t>(timex.constant);
  });
}

/// Does what `timex.modes` asks, and fills in the state. Errors: Invalid.
Result<uint64_t> adjust(Timex* timex) {
  const uint32_t modes = timex->modes;
  const bool is_single_shot = modes == kAdjustSingleShot || modes == kAdjustSingleShotRead;
  if (!is_single_shot && (modes & ~kKnownModes)) return Errno::Invalid;
  int64_t single_shot_left = 0;
  if (is_single_shot) {
    single_shot_left = wall_clock_slew_left();
    if (modes == kAdjustSingleShot)
      wall_clock_slew(clamp(timex->offset, kMostOffset) *
                      static_cast<int64_t>(kNanosecondsPerMicrosecond));
  } else {
    int64_t step = 0;
    if ((modes & kAdjustSetOffset) && !decode_set_offset(*timex, &step)) return Errno::Invalid;
    if ((modes & kAdjustTick) &&
        (timex->tick < kTickMicroseconds * 9 / 10 || timex->tick > kTickMicroseconds * 11 / 10))
      return Errno::Invalid;
    // Another length of the tick than 10 ms is a frequency far out, which no counter of ours has.
    if ((modes & kAdjustTick) && timex->tick != kTickMicroseconds) return Errno::Invalid;
    if (modes & kAdjustSetOffset) wall_clock_step(step);
    apply_discipline(*timex);
    if (modes & kAdjustFrequency)
      wall_clock_set_frequency(clamp(timex->frequency, kMostFrequency) * kBillionthsPerMillionth /
                               kFrequencyUnit);
    if (modes & kAdjustOffset) {
      const int32_t status = discipline.with([](Discipline& state) { return state.status; });
      wall_clock_slew(clamp(from_unit(timex->offset, status), kMostOffset));
    }
  }
  const Discipline state = discipline.with([](Discipline& current) { return current; });
  const uint64_t now = wall_clock_nanoseconds();
  *timex = Timex();
  timex->modes = modes;
  timex->offset = is_single_shot
                      ? single_shot_left / static_cast<int64_t>(kNanosecondsPerMicrosecond)
                      : in_unit(wall_clock_slew_left(), state.status);
  timex->frequency = wall_clock_frequency() * kFrequencyUnit / kBillionthsPerMillionth;
  timex->maximum_error = state.maximum_error;
  timex->estimated_error = state.estimated_error;
  timex->status = state.status;
  timex->constant = state.constant;
  timex->precision = 1;
  timex->tolerance = kMostFrequency;
  timex->time = to_time_value(now);
  if (state.status & kStatusNanoseconds)
    timex->time.microseconds = static_cast<int64_t>(now % kNanosecondsPerSecond);
  timex->tick = kTickMicroseconds;
  timex->atomic_offset = state.atomic_offset;
  return state.status & kStatusUnsynchronised ? kTimeError : kTimeOk;
}

}  // namespace

Result<uint64_t> sys_clock_settime(int clock, UserPtr<TimeSpec> time) {
  if (clock != kClockRealtime) return Errno::Invalid;
  Result<TimeSpec> wanted = time.read();
  if (wanted.is_error()) return wanted.error();
  if (!is_valid_time(wanted.value())) return Errno::Invalid;
  const uint64_t nanoseconds = to_nanoseconds(wanted.value());
  // As on Linux: no time of day before the machine started.
  if (nanoseconds > INT64_MAX || nanoseconds < monotonic_nanoseconds()) return Errno::Invalid;
  wall_clock_set(nanoseconds);
  return 0;
}

Result<uint64_t> sys_settimeofday(UserPtr<TimeValue> time, UserPtr<void> zone) {
  (void)zone;  // zones are the C library's
  if (!time) return 0;
  Result<TimeValue> wanted = time.read();
  if (wanted.is_error()) return wanted.error();
  if (!is_valid_time(wanted.value())) return Errno::Invalid;
  const uint64_t nanoseconds = to_nanoseconds(wanted.value());
  if (nanoseconds > INT64_MAX || nanoseconds < monotonic_nanoseconds()) return Errno::Invalid;
  wall_clock_set(nanoseconds);
  return 0;
}

Result<uint64_t> sys_adjtimex(UserPtr<void> pointer) {
  const UserPtr<Timex> timex = pointer.cast<Timex>();
  Result<Timex> wanted = timex.read();
  if (wanted.is_error()) return wanted.error();
  Timex value = wanted.value();
  Result<uint64_t> outcome = adjust(&value);
  if (outcome.is_error()) return outcome;
  Result<void> written = timex.write(value);
  if (written.is_error()) return written.error();
  return outcome;
}

Result<uint64_t> sys_clock_adjtime(int clock, UserPtr<void> pointer) {
  if (clock != kClockRealtime) return Errno::NotSupported;
  return sys_adjtimex(pointer);
}

}  // namespace runtime
