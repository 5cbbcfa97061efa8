// Sources: Intel SDM volume 3, 10.5.4 (APIC timer) and 17.17 (time-stamp counter); 8254 data sheet.
#include "time/clock.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/ports.h"
#include "arch/x86_64/rtc.h"
#include "boot/image_layout.h"
#include "interrupts/apic.h"
#include "lib/types.h"
#include "time/clock_source.h"

namespace runtime {

namespace {

constexpr uint64_t kPitFrequency = 1193182;
constexpr uint16_t kPitChannel2 = 0x42;
constexpr uint16_t kPitControl = 0x43;
constexpr uint16_t kSpeakerControl = 0x61;
/// Long enough that reading the PIT (about 1 µs each) matters less than 1 in 1000.
constexpr uint64_t kCalibrationPitTicks = kPitFrequency * 4 / 1000;

struct Calibration {
  uint64_t tsc;
  uint32_t apic;
  uint16_t pit;
};
Calibration begin;

bool is_calibrated = false;
uint64_t tsc_frequency = 0;
uint64_t tsc_to_nanoseconds = 0;   // 32.32 fixed point
uint64_t nanoseconds_to_apic = 0;  // 32.32 fixed point
uint64_t wall_clock_offset = 0;

uint16_t read_pit() {
  out8(kPitControl, 0x80);
  const uint8_t low = in8(kPitChannel2);
  return static_cast<uint16_t>(low | in8(kPitChannel2) << 8);
}

Calibration sample() {
  Calibration now;
  now.pit = read_pit();
  now.tsc = read_time_stamp_counter();
  now.apic = apic_timer_count();
  return now;
}

uint64_t multiply_fixed(uint64_t value, uint64_t factor) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(value) * factor >> 32);
}

uint64_t fixed_ratio(uint64_t numerator, uint64_t denominator) {
  // The operands stay below 2^31 seconds' worth of ticks, so a 64-bit division does.
  uint64_t whole = numerator / denominator;
  uint64_t rest = numerator % denominator;
  uint64_t fraction = 0;
  for (unsigned bit = 0; bit < 32; ++bit) {
    rest <<= 1;
    fraction <<= 1;
    if (rest >= denominator) {
      rest -= denominator;
      fraction |= 1;
    }
  }
  return whole << 32 | fraction;
}

}  // namespace

void clock_calibration_begin() {
  out8(kSpeakerControl, (in8(kSpeakerControl) & ~2) | 1);  // gate on, speaker off
  out8(kPitControl, 0xb0);                                 // channel 2, both bytes, mode 0
  out8(kPitChannel2, 0xff);
  out8(kPitChannel2, 0xff);
  apic_timer_start(0xffffffff);
  begin = sample();
}

void clock_calibration_end() {
  Calibration end = sample();
  while (static_cast<uint16_t>(begin.pit - end.pit) < kCalibrationPitTicks) end = sample();
  apic_timer_stop();
  const uint64_t pit_ticks = static_cast<uint16_t>(begin.pit - end.pit);
  const uint64_t nanoseconds = pit_ticks * kNanosecondsPerSecond / kPitFrequency;
  const uint64_t tsc_ticks = end.tsc - begin.tsc;
  const uint64_t apic_ticks = begin.apic - end.apic;
  tsc_to_nanoseconds = fixed_ratio(nanoseconds, tsc_ticks);
  nanoseconds_to_apic = fixed_ratio(apic_ticks, nanoseconds);
  tsc_frequency = tsc_ticks * kNanosecondsPerSecond / nanoseconds;
  is_calibrated = true;
}

uint64_t clock_frequency_hertz() { return tsc_frequency; }

uint64_t monotonic_nanoseconds() {
  if (!is_calibrated) return 0;
  return multiply_fixed(read_time_stamp_counter() - boot_entry_tsc, tsc_to_nanoseconds);
}

uint64_t wall_clock_nanoseconds() {
  if (!is_calibrated) return 0;
  // Read at the first question: the RTC is slow, and boot does not need the date.
  if (!wall_clock_offset)
    wall_clock_offset = rtc_seconds() * kNanosecondsPerSecond - monotonic_nanoseconds();
  return wall_clock_offset + monotonic_nanoseconds();
}

void alarm_at(uint64_t deadline) {
  CpuLocal& cpu = this_cpu();
  if ((cpu.alarm && deadline >= cpu.alarm) || !is_calibrated) return;
  cpu.alarm = deadline;
  const uint64_t now = monotonic_nanoseconds();
  const uint64_t wait = deadline > now ? deadline - now : 0;
  const uint64_t ticks = wait > kNanosecondsPerSecond * 3600
                             ? 0xffffffff
                             : multiply_fixed(wait, nanoseconds_to_apic) + 1;
  apic_timer_start(static_cast<uint32_t>(min_of<uint64_t>(ticks, 0xffffffff)));
}

void alarm_fired() { this_cpu().alarm = 0; }

}  // namespace runtime
