#include "power/restart.h"

#include "acpi/power.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/ports.h"
#include "arch/x86_64/rtc.h"
#include "lib/format.h"
#include "lib/string.h"
#include "power/shutdown.h"
#include "smp/cpus.h"
#include "time/timer.h"

namespace runtime {

namespace {

/// In the clock's memory, behind what PC firmware uses and before what ACPI's FADT may name (0x7d).
constexpr uint8_t kFirstByte = 0x70;
/// An app that ran that long has not failed at once: counting starts anew.
constexpr uint64_t kGoodRun = 60 * kNanosecondsPerSecond;
constexpr uint32_t kPauseWithoutMemory = 60;

RestartPolicy policy = RestartPolicy::Never;
bool is_waiting = false;

RestartRecord read_record() {
  RestartRecord record;
  for (uint8_t i = 0; i < sizeof(record.bytes); ++i)
    record.bytes[i] = rtc_read_memory(static_cast<uint8_t>(kFirstByte + i));
  return record;
}

/// Returns false when nothing keeps what is written.
bool write_record(const RestartRecord& record) {
  for (uint8_t i = 0; i < sizeof(record.bytes); ++i)
    rtc_write_memory(static_cast<uint8_t>(kFirstByte + i), record.bytes[i]);
  const RestartRecord kept = read_record();
  return memcmp(&kept, &record, sizeof(record)) == 0;
}

void wait_until(Deadline deadline, bool can_halt) {
  Timer alarm;  // its interrupt ends the halt
  alarm.callback = [](Timer*) {};
  if (can_halt) start_timer(&alarm, deadline);
  while (!deadline.has_passed()) {
    if (can_halt) {
      asm volatile("sti; hlt" : : : "memory");
    } else {
      cpu_relax();
    }
  }
}

}  // namespace

void set_restart_policy(RestartPolicy chosen) { policy = chosen; }

bool restart_is_wanted(int code) {
  if (power_button_was_pressed()) return false;
  return policy == RestartPolicy::Always || (policy == RestartPolicy::OnFailure && code != 0);
}

bool is_waiting_to_restart() { return __atomic_load_n(&is_waiting, __ATOMIC_RELAXED); }

void restart_after_pause(bool can_halt) {
  const uint32_t before =
      monotonic_nanoseconds() >= kGoodRun ? 0 : restarts_in_record(read_record());
  const bool is_kept = write_record(make_restart_record(before + 1));
  const uint32_t pause = is_kept ? restart_pause_seconds(before) : kPauseWithoutMemory;
  log(LogLevel::Error, "the machine starts again in %u s (restart %u%s)", pause, before + 1,
      is_kept ? "" : "; nothing keeps the count over a reset, so the pause is the longest");
  stop_other_cpus();
  __atomic_store_n(&is_waiting, true, __ATOMIC_RELAXED);
  wait_until(Deadline::after(pause * kNanosecondsPerSecond), can_halt);
  machine_reboot();
}

}  // namespace runtime
