// Sources: IA-PC HPET specification 1.0a; ACPI 6.5, 4.8.3.3 (power management timer); 8254 data sheet.
#include "time/reference.h"

#include "acpi/fixed_description.h"
#include "acpi/tables.h"
#include "arch/x86_64/ports.h"
#include "lib/string.h"
#include "memory/address_space.h"
#include "time/clock_page.h"

namespace runtime {

namespace {

constexpr uint64_t kNanosecondsIn1 = 1000000000;
constexpr unsigned kPairAttempts = 5;

// HPET: registers by index of a 64-bit word.
constexpr size_t kHpetCapabilities = 0;
constexpr size_t kHpetConfiguration = 2;
constexpr size_t kHpetCounter = 30;
constexpr uint64_t kHpetEnable = 1;
constexpr uint64_t kHpet64Bit = 1 << 13;
constexpr uint64_t kFemtosecondsIn1 = 1000000000000000ull;
/// The slowest that the specification allows: 10 MHz.
constexpr uint64_t kLongestPeriod = 100000000;
constexpr size_t kHpetTableAddress = 44;

constexpr uint64_t kPowerTimerFrequency = 3579545;
constexpr uint64_t kPitFrequency = 1193182;
constexpr uint16_t kPitChannel2 = 0x42;
constexpr uint16_t kPitControl = 0x43;
constexpr uint16_t kSpeakerControl = 0x61;

volatile uint64_t* hpet = nullptr;
uint16_t power_timer_port = 0;

uint64_t read_hpet() { return hpet[kHpetCounter]; }
uint64_t read_power_timer() { return in32(power_timer_port); }
/// The 8254 counts down; its latch is read in two halves.
uint64_t read_pit() {
  out8(kPitControl, 0x80);
  const uint8_t low = in8(kPitChannel2);
  return static_cast<uint16_t>(~(low | in8(kPitChannel2) << 8));
}

ReferenceCounter hpet_counter = {ReferenceKind::Hpet, "HPET", 0, 0, read_hpet, false};
ReferenceCounter power_timer = {
    ReferenceKind::PowerTimer, "ACPI power timer", 0, 0xffffff, read_power_timer, false};
ReferenceCounter pit = {ReferenceKind::Pit, "8254", 0, 0xffff, read_pit, false};
ProvokedClock provoked = ProvokedClock::None;

void find_hpet() {
  const uint8_t* table;
  size_t size;
  if (!acpi_find_table("HPET", &table, &size) || size < kHpetTableAddress + 8) return;
  uint64_t address;
  memcpy(&address, table + kHpetTableAddress, sizeof(address));
  if (address == 0 || address % 8) return;
  Result<void*> mapped = map_device(PhysAddr(address), kPageSize);
  if (mapped.is_error()) return;
  hpet = static_cast<volatile uint64_t*>(mapped.value());
  const uint64_t capabilities = hpet[kHpetCapabilities];
  const uint64_t period = capabilities >> 32;  // femtoseconds
  if (period == 0 || period > kLongestPeriod) return;
  hpet[kHpetConfiguration] = hpet[kHpetConfiguration] | kHpetEnable;
  hpet_counter.mask = capabilities & kHpet64Bit ? UINT64_MAX : UINT32_MAX;
  hpet_counter.frequency = kFemtosecondsIn1 / period;
}

void find_power_timer() {
  const uint8_t* table;
  size_t size;
  FixedDescription fixed;
  if (!acpi_find_table("FACP", &table, &size) || !parse_fixed_description(table, size, &fixed) ||
      !fixed.power_timer_port)
    return;
  power_timer_port = fixed.power_timer_port;
  power_timer.mask = fixed.power_timer_is_32_bit ? UINT32_MAX : 0xffffff;
  // A port that nobody answers reads as ones; one that stands still is of no use either.
  const uint64_t first = read_power_timer() & power_timer.mask;
  for (unsigned i = 0; i < 100; ++i) {
    if ((read_power_timer() & power_timer.mask) == first) continue;
    power_timer.frequency = kPowerTimerFrequency;
    return;
  }
}

void find_pit() {
  out8(kSpeakerControl,
       static_cast<uint8_t>((in8(kSpeakerControl) & ~2) | 1));  // gate on, no sound
  out8(kPitControl, 0xb0);                                      // channel 2, both bytes, mode 0
  out8(kPitChannel2, 0xff);
  out8(kPitChannel2, 0xff);
  const uint64_t first = read_pit();
  for (unsigned i = 0; i < 100; ++i) {
    if (read_pit() == first) continue;
    pit.frequency = kPitFrequency;
    return;
  }
}

ReferenceCounter& counter_of(ReferenceKind kind) {
  switch (kind) {
    case ReferenceKind::Hpet:
      return hpet_counter;
    case ReferenceKind::PowerTimer:
      return power_timer;
    case ReferenceKind::Pit:
      break;
  }
  return pit;
}

}  // namespace

void references_initialise() {
  find_hpet();
  find_power_timer();
  if (!best_reference()) find_pit();
}

const ReferenceCounter* find_reference(ReferenceKind kind) {
  const ReferenceCounter& counter = counter_of(kind);
  return counter.frequency ? &counter : nullptr;
}

volatile uint64_t* hpet_registers() { return hpet_counter.frequency ? hpet : nullptr; }

const ReferenceCounter* best_reference() {
  const ReferenceCounter* const counters[] = {&hpet_counter, &power_timer};
  for (const ReferenceCounter* const counter : counters)
    if (counter->frequency && !__atomic_load_n(&counter->is_broken, __ATOMIC_RELAXED))
      return counter;
  return nullptr;
}

void abandon_reference(ReferenceKind kind) {
  __atomic_store_n(&counter_of(kind).is_broken, true, __ATOMIC_RELAXED);
}

void provoke_clock(ProvokedClock what) { provoked = what; }

void provoke_clock_now() {
  if (provoked == ProvokedClock::None || !hpet_registers()) return;
  constexpr uint64_t kSeconds =
      2;  // no further than to where it began: QEMU's does not wrap as it should
  hpet[kHpetConfiguration] = hpet[kHpetConfiguration] & ~kHpetEnable;
  if (provoked == ProvokedClock::Stops) return;
  hpet[kHpetCounter] = hpet[kHpetCounter] - kSeconds * hpet_counter.frequency;
  hpet[kHpetConfiguration] = hpet[kHpetConfiguration] | kHpetEnable;
}

uint64_t reference_nanoseconds(const ReferenceCounter& counter, uint64_t from, uint64_t to) {
  const unsigned __int128 ticks = reference_ticks(counter, from, to);
  // No 128-bit division without a run-time library: whole seconds, then the rest.
  const uint64_t count = static_cast<uint64_t>(ticks);
  return count / counter.frequency * kNanosecondsIn1 +
         count % counter.frequency * kNanosecondsIn1 / counter.frequency;
}

PairedReading read_pair(const ReferenceCounter& counter) {
  PairedReading best = {0, 0, UINT64_MAX};
  for (unsigned i = 0; i < kPairAttempts; ++i) {
    const uint64_t before = ordered_time_stamp_counter();
    const uint64_t reference = counter.read() & counter.mask;
    const uint64_t after = ordered_time_stamp_counter();
    if (after - before < best.uncertainty)
      best = {reference, before + (after - before) / 2, after - before};
  }
  return best;
}

}  // namespace runtime
