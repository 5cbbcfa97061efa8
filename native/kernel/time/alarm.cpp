// Source: Intel SDM volume 3, 10.5.4 (APIC timer) and 10.5.4.1 (TSC-deadline mode).
#include "time/alarm.h"

#include "arch/x86_64/cpu.h"
#include "interrupts/apic.h"
#include "lib/types.h"
#include "time/clock.h"
#include "time/clock_page.h"
#include "time/clock_source.h"
#include "time/frequency.h"
#include "time/watchdog.h"

namespace runtime {

namespace {

bool is_ready = false;
bool uses_deadline = false;
uint64_t ticks_per_nanosecond = 0;  // 32.32 fixed point
/// Who waits longer looks again in between: rates are corrected while an alarm is set, and the APIC's timer has
/// 32 bits.
constexpr uint64_t kLongestWait = 3600 * kNanosecondsPerSecond;
uint64_t longest_wait = kLongestWait;

}  // namespace

void alarm_initialise(bool has_tsc_deadline, uint64_t tsc_frequency, uint64_t apic_frequency) {
  uses_deadline = has_tsc_deadline;
  ticks_per_nanosecond =
      fixed_ratio(has_tsc_deadline ? tsc_frequency : apic_frequency, kNanosecondsPerSecond);
  if (!has_tsc_deadline) {
    const uint64_t most =
        multiply_fixed(UINT32_MAX, fixed_ratio(kNanosecondsPerSecond, apic_frequency));
    longest_wait = min_of(kLongestWait, most - most / 1024);
  }
  is_ready = true;
}

void alarm_at(uint64_t deadline) {
  CpuLocal& cpu = this_cpu();
  if ((cpu.alarm && deadline >= cpu.alarm) || !is_ready) return;
  cpu.alarm = deadline;
  const uint64_t now = monotonic_nanoseconds();
  const uint64_t wait = min_of(deadline > now ? deadline - now : 0, longest_wait);
  cpu.alarm_set = now;
  cpu.alarm_wait = wait;
  const uint64_t ticks = multiply_fixed(wait, ticks_per_nanosecond) + 1;
  if (uses_deadline) {
    apic_timer_deadline(ordered_time_stamp_counter() + ticks);
  } else {
    apic_timer_start(static_cast<uint32_t>(ticks));
  }
}

void alarm_fired() {
  CpuLocal& cpu = this_cpu();
  const bool was_set = cpu.alarm != 0;
  cpu.alarm = 0;
  watchdog_check_cpu();
  if (was_set) watchdog_check_alarm(cpu.alarm_set, cpu.alarm_wait);
}

}  // namespace runtime
