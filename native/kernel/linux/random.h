// The kernel's random generator: seeding. Reading is `random_bytes` in linux/process_info.h.
#pragma once

#include <stddef.h>

namespace runtime {

/// Seeds the generator from the CPU's RDSEED and RDRAND and from timing jitter. Call before
/// anything random is needed; needs neither heap nor interrupts. Says in the log, once, when the
/// CPU has no hardware source.
void random_initialise();
/// Mixes bytes in: boot data, interrupt times, a device's entropy. Never lowers the quality.
/// Interrupt-safe.
void random_add(const void* data, size_t size);
/// The clocks jumped: this may be a second life of the same machine, from a saved state. Mixes in what the
/// CPU's hardware sources and counters say now.
void random_note_jump();
/// Estimated entropy of the seed in bits, at most 256.
unsigned random_seed_bits();

}  // namespace runtime
