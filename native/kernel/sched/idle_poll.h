// How long an idle CPU looks for work before it halts. To wake a halted CPU takes an interrupt and, in a
// virtual machine, the host's scheduler: dozens of times what a thread needs that only waits for another's
// short answer. A CPU that looks is woken by a store. Pure.
//
// The time follows what happens: work that came shortly after the CPU had halted makes it longer, work that
// was long in coming makes it shorter, down to none: a machine that idles leaves its host alone.
#pragma once

#include <stdint.h>

namespace runtime {

class IdlePoll {
 public:
  /// All in nanoseconds. Work that takes longer to come is not worth looking for.
  static constexpr uint64_t kLongest = 200 * 1000;
  static constexpr uint64_t kShortest = 25 * 1000;

  /// How long to look.
  uint64_t limit() const { return limit_; }
  /// Work was there after so long.
  void note(uint64_t idle) {
    if (idle > kLongest) {
      limit_ = limit_ > kShortest ? limit_ / 2 : 0;
    } else if (idle > limit_) {
      limit_ = limit_ < kShortest ? kShortest : limit_ * 2;
      if (limit_ > kLongest) limit_ = kLongest;
    }
  }

 private:
  uint64_t limit_ = 0;
};

}  // namespace runtime
