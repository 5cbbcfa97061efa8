// The kernel's random generator: seeding. Reading is `random_bytes` in linux/process_info.h.
#pragma once

#include <stddef.h>

#include "lib/result.h"

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
/// Likewise, from a device that is there to give entropy: a seed's worth makes the generator ready.
void random_add_device(const void* data, size_t size);
/// Looks for the machine's generation id, which is compared before all output from then on: a machine that
/// is resumed from a saved state gives other numbers than the one that was saved. Needs ACPI's tables.
void random_find_generation();
/// Where the hypervisor writes the generation id; null when the machine has none.
constexpr size_t kGenerationSize = 16;
const volatile void* random_generation();
/// Estimated entropy of the seed in bits, at most 256. From 256 on the generator is ready.
unsigned random_seed_bits();
/// Collects timing jitter until the generator is ready; takes a while on a machine without any other source,
/// and for ever on one without jitter, which the log says. Errors: Interrupted by a signal.
Result<void> random_wait_until_ready();

}  // namespace runtime
