// Finds the fraction of a second of a clock that tells whole seconds only. Each reading narrows down by how
// much that clock is ahead of the monotonic one; readings at the right moments halve what is left, so that
// nobody has to wait for the second's edge. Pure.
#pragma once

#include <stdint.h>

namespace runtime {

class SecondEdge {
 public:
  /// Takes a reading of `seconds`, made between two readings of the monotonic clock. Returns false when it
  /// contradicts the earlier ones: one of the clocks jumped, and the search starts again with it.
  bool add(uint64_t seconds, uint64_t before, uint64_t after) {
    const int64_t start = static_cast<int64_t>(seconds * kSecond);
    const int64_t low = start - static_cast<int64_t>(after);
    const int64_t high = start + static_cast<int64_t>(kSecond - before);
    const bool fits = is_empty() || (low < high_ && low_ < high);
    if (is_empty() || !fits) {
      low_ = low;
      high_ = high;
    } else {
      if (low > low_) low_ = low;
      if (high < high_) high_ = high;
    }
    return fits;
  }
  /// Makes what is known less certain: the clocks may have drifted apart by so many nanoseconds.
  void widen(uint64_t by) {
    if (is_empty()) return;
    low_ -= static_cast<int64_t>(by);
    high_ += static_cast<int64_t>(by);
  }

  bool is_empty() const { return low_ == high_; }
  /// The least, the middle and the most of what the difference may be, and how uncertain it is, in
  /// nanoseconds.
  int64_t least() const { return low_; }
  int64_t most() const { return high_; }
  int64_t middle() const { return low_ + (high_ - low_) / 2; }
  uint64_t width() const { return static_cast<uint64_t>(high_ - low_); }
  /// The monotonic time, after `now`, at which a reading tells most.
  uint64_t next_reading(uint64_t now) const {
    const uint64_t fraction = (now + static_cast<uint64_t>(middle())) % kSecond;
    return now + (kSecond - fraction);
  }

 private:
  static constexpr uint64_t kSecond = 1000000000;
  int64_t low_ = 0;
  int64_t high_ = 0;
};

}  // namespace runtime
