// The pure part of the load averages.
#include "linux/load_average.h"

namespace runtime {

void advance_load(LoadAverages* averages, uint32_t load, uint64_t steps) {
  // exp(-5 s / period) for the three periods, in fixed point.
  static const uint32_t kDecay[3] = {60296, 64453, 65173};
  constexpr uint64_t kOne = 1u << kLoadFractionBits;
  constexpr uint64_t kForgotten = 2000;  // steps after which nothing of the past is left
  for (uint64_t i = 0; i < (steps < kForgotten ? steps : kForgotten); ++i) {
    for (unsigned j = 0; j < 3; ++j) {
      const uint64_t kept = averages->values[j] * static_cast<uint64_t>(kDecay[j]);
      const uint64_t added = load * (kOne - kDecay[j]);
      averages->values[j] = static_cast<uint32_t>((kept + added + kOne / 2) >> kLoadFractionBits);
    }
  }
}

}  // namespace runtime
