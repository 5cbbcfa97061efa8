// Entropy from the time that memory accesses and port accesses take.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace runtime {

/// The time-stamp counter, after all earlier instructions.
inline uint64_t read_tsc() {
  uint32_t low, high;
  asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return static_cast<uint64_t>(high) << 32 | low;
}

/// Measures timing jitter until about `wanted_bits` of entropy are estimated or a bounded number of
/// samples is taken, hands the samples to `add`, and returns the estimate in bits. A sample counts
/// a third of a bit, and only when it differs from the two before it in value and in change.
unsigned collect_jitter(unsigned wanted_bits, void (*add)(const void* data, size_t size));

}  // namespace runtime
