// Clocks: nanoseconds since boot (monotonic) and since 1970 (wall clock).
#pragma once

#include <stdint.h>

namespace runtime {

constexpr uint64_t kNanosecondsPerSecond = 1000000000ull;
constexpr uint64_t kNanosecondsPerMillisecond = 1000000ull;

/// Nanoseconds since the kernel's entry; never goes back.
uint64_t monotonic_nanoseconds();
/// Nanoseconds since 1970-01-01 UTC; 0 while the clocks do not run yet, early at boot.
uint64_t wall_clock_nanoseconds();

/// A moment on the monotonic clock, or never.
struct Deadline {
  uint64_t at = UINT64_MAX;

  static Deadline never() { return Deadline(); }
  static Deadline at_nanoseconds(uint64_t at) {
    Deadline deadline;
    deadline.at = at;
    return deadline;
  }
  /// `duration` nanoseconds from now; saturates to never.
  static Deadline after(uint64_t duration) {
    const uint64_t now = monotonic_nanoseconds();
    return at_nanoseconds(duration > UINT64_MAX - now ? UINT64_MAX : now + duration);
  }
  bool is_never() const { return at == UINT64_MAX; }
  bool has_passed() const { return !is_never() && monotonic_nanoseconds() >= at; }
};

}  // namespace runtime
