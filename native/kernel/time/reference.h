// Counters of the machine with a known frequency: slow to read, the same for all CPUs.
#pragma once

#include <stdint.h>

namespace runtime {

enum class ReferenceKind : uint8_t { Hpet, PowerTimer, Pit };

/// A counter that wraps at `mask`.
struct ReferenceCounter {
  ReferenceKind kind;
  const char* name;
  uint64_t frequency;  // hertz
  uint64_t mask;
  uint64_t (*read)();
  bool is_broken;  // it was seen to stand still
};

/// Looks for the counters. Needs ACPI's tables.
void references_initialise();
/// Null when the machine has none of that kind. The 8254 (Pit) wraps after 55 ms: for calibration only.
const ReferenceCounter* find_reference(ReferenceKind kind);
/// The best to compare with: HPET or the power timer; null when the machine has neither that keeps time.
const ReferenceCounter* best_reference();
/// A counter that best_reference() has given does not keep time: it does not give it again.
void abandon_reference(ReferenceKind kind);

/// For tests: what happens to the HPET three seconds after the clocks have started.
enum class ProvokedClock : uint8_t { None, Stops, GoesBack };
void provoke_clock(ProvokedClock what);
/// Does it.
void provoke_clock_now();

/// The HPET's registers, 64-bit words; null when the machine has none.
volatile uint64_t* hpet_registers();

/// Ticks of `counter` from one reading to a later one less than a wrap away.
inline uint64_t reference_ticks(const ReferenceCounter& counter, uint64_t from, uint64_t to) {
  return (to - from) & counter.mask;
}
/// The same in nanoseconds.
uint64_t reference_nanoseconds(const ReferenceCounter& counter, uint64_t from, uint64_t to);

/// A reading of a reference and of the time-stamp counter at the same moment.
struct PairedReading {
  uint64_t reference;
  uint64_t tsc;
  uint64_t uncertainty;  // ticks of the time-stamp counter
};
/// Reads both several times and keeps the pair that took least: interrupts, and hypervisors that
/// schedule something else, come in between.
PairedReading read_pair(const ReferenceCounter& counter);

}  // namespace runtime
