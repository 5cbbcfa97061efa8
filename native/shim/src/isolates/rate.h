// Limits of how often something may happen.
#ifndef RUNTIME_SHIM_ISOLATES_RATE_H
#define RUNTIME_SHIM_ISOLATES_RATE_H

#include <algorithm>
#include <cstdint>

namespace runtime {

/** So many times in a second, and as many at once after a quiet second. */
class Rate {
 public:
  /** @param most in a second, 0 for any number */
  explicit Rate(uint32_t most) : most_(most), left_(most) {}

  uint32_t most() const { return most_; }

  /**
   * Takes one.
   * @param now monotonic nanoseconds
   * @returns false when there is none left
   */
  bool Take(uint64_t now) {
    if (most_ == 0) return true;
    if (filled_at_ == 0) filled_at_ = now;
    if (left_ < 1) {
      const double seconds = static_cast<double>(now - filled_at_) / 1e9;
      left_ = std::min<double>(most_, left_ + seconds * most_);
      filled_at_ = now;
      if (left_ < 1) return false;
    }
    left_ -= 1;
    return true;
  }

 private:
  const uint32_t most_;
  double left_;
  uint64_t filled_at_ = 0;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_RATE_H
