// Load averages, getloadavg(3): the exponentially damped use of the CPUs over 1, 5 and 15 minutes.
#pragma once

#include <stdint.h>

namespace runtime {

/// Fixed-point numbers with this many bits of fraction, as sysinfo(2) has them.
constexpr unsigned kLoadFractionBits = 16;

struct LoadAverages {
  uint32_t values[3];  // 1, 5 and 15 minutes
};

/// The load up to now. There is no periodic tick, so between two calls the load counts as even.
/// Counts busy CPUs, where Linux counts runnable threads: it does not exceed the number of CPUs.
LoadAverages load_averages();

/// Moves averages on by `steps` of 5 s during which `load` (fixed point) CPUs were busy. Pure.
void advance_load(LoadAverages* averages, uint32_t load, uint64_t steps);

}  // namespace runtime
