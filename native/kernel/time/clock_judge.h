// Does a counter keep time? Judged by intervals on it and on another one. Pure.
#pragma once

#include <stdint.h>

namespace runtime {

enum class ClockVerdict : uint8_t {
  Good,
  Suspicious,  // one interval differs: the machine may have been paused, or the other counter wrapped
  Broken,      // several in succession do
};

class ClockJudge {
 public:
  /// Takes an interval, in nanoseconds on the watched counter and on the reference; `uncertainty` is how
  /// far apart the readings of the two may have been.
  ClockVerdict judge(uint64_t watched, uint64_t reference, uint64_t uncertainty) {
    const uint64_t error = watched > reference ? watched - reference : reference - watched;
    const uint64_t allowed = reference / kAllowedPart + kAllowedNanoseconds + uncertainty;
    strikes_ = error <= allowed ? 0 : strikes_ + 1;
    if (strikes_ == 0) return ClockVerdict::Good;
    return strikes_ < kStrikes ? ClockVerdict::Suspicious : ClockVerdict::Broken;
  }

 private:
  /// Calibration at boot is better than 1 in 100.
  static constexpr uint64_t kAllowedPart = 50;
  static constexpr uint64_t kAllowedNanoseconds = 1000000;
  static constexpr unsigned kStrikes = 3;

  unsigned strikes_ = 0;
};

}  // namespace runtime
