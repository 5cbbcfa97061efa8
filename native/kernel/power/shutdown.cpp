#include "power/shutdown.h"

#include "acpi/power.h"
#include "boot/exit_status.h"
#include "lib/format.h"
#include "linux/signals.h"
#include "power/restart.h"
#include "time/timer.h"

namespace runtime {

namespace {

constexpr int kCodeOfKernel = 0x80;  // si_code SI_KERNEL, sigaction(2)
constexpr int kTerminated = 128 + kSignalTerminate;

uint32_t seconds_for_app = 30;
uint32_t presses = 0;
Timer deadline;

void deadline_came(Timer*) {
  log(LogLevel::Error, "the app did not end within %u s of the power button: the machine is off",
      seconds_for_app);
  end_machine(kTerminated, "power button: the app did not end in time", EndKind::Wanted);
}

}  // namespace

void set_shutdown_seconds(uint32_t seconds) { seconds_for_app = seconds; }

bool power_button_was_pressed() { return __atomic_load_n(&presses, __ATOMIC_RELAXED) > 0; }

void power_button_pressed() {
  if (is_waiting_to_restart()) {
    log(LogLevel::Error, "the power button was pressed: the machine does not start again");
    machine_power_off();
  }
  if (__atomic_fetch_add(&presses, 1, __ATOMIC_RELAXED) > 0) {
    log(LogLevel::Error, "the power button was pressed again: the machine is off");
    end_machine(kTerminated, "power button: pressed twice", EndKind::Wanted);
  }
  log(LogLevel::Info, "the power button was pressed: the app has %u s to end (SIGTERM)",
      seconds_for_app);
  deadline.callback = deadline_came;
  start_timer(&deadline, Deadline::after(seconds_for_app * kNanosecondsPerSecond));
  send_process_signal(kSignalTerminate, sender_signal_info(kSignalTerminate, kCodeOfKernel));
}

void sleep_button_pressed() {
  log(LogLevel::Warn, "the sleep button was pressed: this machine does not sleep");
}

}  // namespace runtime
