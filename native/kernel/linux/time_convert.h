// Between the ABI's time structures and nanoseconds. Pure; overflow saturates.
#pragma once

#include <stdint.h>

#include "linux/abi.h"
#include "time/clock.h"

namespace runtime {

constexpr int64_t kMicrosecondsPerSecond = 1000000;
constexpr uint64_t kNanosecondsPerMicrosecond = 1000;

/// True for what the kernel accepts as a time: no negative part, less than a second of fraction.
inline bool is_valid_time(const TimeSpec& time) {
  return time.seconds >= 0 && time.nanoseconds >= 0 &&
         time.nanoseconds < static_cast<int64_t>(kNanosecondsPerSecond);
}
inline bool is_valid_time(const TimeValue& time) {
  return time.seconds >= 0 && time.microseconds >= 0 && time.microseconds < kMicrosecondsPerSecond;
}

/// Nanoseconds of a valid time; UINT64_MAX (which a Deadline takes as never) when it is too long.
inline uint64_t to_nanoseconds(const TimeSpec& time) {
  const uint64_t seconds = static_cast<uint64_t>(time.seconds);
  if (seconds >= UINT64_MAX / kNanosecondsPerSecond) return UINT64_MAX;
  return seconds * kNanosecondsPerSecond + static_cast<uint64_t>(time.nanoseconds);
}
inline uint64_t to_nanoseconds(const TimeValue& time) {
  const uint64_t seconds = static_cast<uint64_t>(time.seconds);
  if (seconds >= UINT64_MAX / kNanosecondsPerSecond) return UINT64_MAX;
  return seconds * kNanosecondsPerSecond +
         static_cast<uint64_t>(time.microseconds) * kNanosecondsPerMicrosecond;
}

inline TimeSpec to_time_spec(uint64_t nanoseconds) {
  return TimeSpec{static_cast<int64_t>(nanoseconds / kNanosecondsPerSecond),
                  static_cast<int64_t>(nanoseconds % kNanosecondsPerSecond)};
}
inline TimeValue to_time_value(uint64_t nanoseconds) {
  return TimeValue{
      static_cast<int64_t>(nanoseconds / kNanosecondsPerSecond),
      static_cast<int64_t>(nanoseconds % kNanosecondsPerSecond / kNanosecondsPerMicrosecond)};
}

/// a + b, or UINT64_MAX when that overflows.
inline uint64_t saturating_add(uint64_t a, uint64_t b) {
  return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

}  // namespace runtime
