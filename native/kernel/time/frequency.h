// Frequencies that the CPU or the hypervisor tells, and fixed-point ratios. Pure but for CPUID.
#pragma once

#include <stdint.h>

namespace runtime {

/// In hertz; 0: not told.
struct ToldFrequencies {
  uint64_t tsc = 0;
  uint64_t apic_timer = 0;
};

/// Asks CPUID: leaf 0x40000010 of hypervisors, leaf 0x15 of CPUs. Leaf 0x16 tells a name-plate frequency,
/// which the time-stamp counter need not have, and is not asked.
ToldFrequencies told_frequencies();

/// numerator / denominator in 32.32 fixed point; the quotient is below 2^32.
uint64_t fixed_ratio(uint64_t numerator, uint64_t denominator);

/// `rate` (fixed point) faster by parts per billion, or slower.
inline uint64_t scale_by_billionths(uint64_t rate, int64_t parts) {
  return rate + static_cast<uint64_t>(static_cast<int64_t>(rate) / 1000 * parts / 1000000);
}

}  // namespace runtime
