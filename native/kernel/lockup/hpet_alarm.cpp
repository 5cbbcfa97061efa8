// Source: IA-PC HPET specification 1.0a, 2.3.8 (timer configuration), 2.3.9 (comparator).
#include "lockup/hpet_alarm.h"

#include "arch/x86_64/ports.h"
#include "interrupts/apic.h"
#include "time/reference.h"

namespace runtime {

namespace {

// Registers by index of a 64-bit word.
constexpr unsigned kTimerConfiguration = 0x100 / 8;
constexpr unsigned kTimerComparator = 0x108 / 8;

constexpr uint64_t kLevelTriggered = 1 << 1;
constexpr uint64_t kEnabled = 1 << 2;
constexpr uint64_t kPeriodic = 1 << 3;
constexpr uint64_t kMessage = 1 << 14;
constexpr unsigned kRouteShift = 9;
constexpr uint64_t kRouteMask = 31;
constexpr unsigned kRoutesShift = 32;

/// What PCs call line 2 has no other user than the 8254, which is silenced: it counts to its end once more.
constexpr unsigned kLine = 2;
constexpr uint16_t kPitChannel0 = 0x40;
constexpr uint16_t kPitControl = 0x43;
constexpr uint8_t kPitOnce = 0x30;  // channel 0, both bytes of the count, mode 0

volatile uint64_t* registers = nullptr;
uint64_t frequency = 0;
uint64_t mask = 0;
uint64_t due = 0;
bool is_on = false;

}  // namespace

bool hpet_alarm_initialise() {
  const ReferenceCounter* const counter = find_reference(ReferenceKind::Hpet);
  if (!counter || !apic_has_line(kLine)) return false;
  volatile uint64_t* const found = hpet_registers();
  const uint64_t configuration = found[kTimerConfiguration];
  if (!(configuration >> kRoutesShift >> kLine & 1)) return false;
  out8(kPitControl, kPitOnce);
  out8(kPitChannel0, 1);
  out8(kPitChannel0, 0);
  frequency = counter->frequency;
  mask = counter->mask;
  const uint64_t kept = configuration & ~(kLevelTriggered | kEnabled | kPeriodic | kMessage |
                                          kRouteMask << kRouteShift);
  found[kTimerConfiguration] = kept | static_cast<uint64_t>(kLine) << kRouteShift;
  registers = found;
  return true;
}

void hpet_alarm_set(uint64_t seconds) {
  if (!registers) return;
  const ReferenceCounter* const counter = find_reference(ReferenceKind::Hpet);
  const bool is_first = due == 0;
  due = (counter->read() + seconds * frequency) & mask;
  registers[kTimerComparator] = due;
  // The 8254's last interrupt must be over before the line means an alarm.
  if (is_first || is_on) return;
  is_on = true;
  apic_route_non_maskable(kLine);
  registers[kTimerConfiguration] = registers[kTimerConfiguration] | kEnabled;
}

bool hpet_alarm_has_come() {
  if (!is_on) return false;
  const ReferenceCounter* const counter = find_reference(ReferenceKind::Hpet);
  // Of a wrapping counter, the half behind the alarm is after it.
  return ((counter->read() - due) & mask) < mask / 2;
}

}  // namespace runtime
