#include "boot/exit_status.h"

#include "acpi/interpreter.h"
#include "acpi/power.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/ports.h"
#include "boot/console_port.h"
#include "lib/format.h"
#include "power/restart.h"
#include "sched/thread.h"
#include "sched/wait_queue.h"
#include "terminal/terminal.h"
#include "time/timer.h"

namespace runtime {

namespace {

/// The debug console of QEMU (-device isa-debugcon) and Bochs; reading it returns its own number.
constexpr uint16_t kDebugConsolePort = 0xe9;
/// Byte code that prepares for power off and takes longer is not waited for.
constexpr uint64_t kLongestPreparation = 2 * kNanosecondsPerSecond;

void write_status(int code, const char* reason) {
  char line[kExitStatusCapacity];
  const size_t length = format_exit_status(line, sizeof(line), code, reason);
  if (in8(kDebugConsolePort) == kDebugConsolePort) out8_string(kDebugConsolePort, line, length);
}

struct Ending {
  int code = 0;
  const char* reason = "";
  bool has_begun = false;
  Timer latest;
};
Ending ending;

void preparation_took_too_long(Timer*) {
  write_status(ending.code, ending.reason);
  log(LogLevel::Warn, "the firmware's byte code does not let the machine be switched off in time");
  machine_power_off();
}

/// True in a thread that may block: not in an interrupt, and with no lock held.
bool may_block() {
  return interrupts_enabled() && this_cpu().held_locks.is_empty() && Thread::current() &&
         !Thread::current()->is_idle;
}

/// True for the first who wants to end the machine. A second thread waits here for the first to do it;
/// who cannot wait gets false: what takes long has begun, and is now cut short.
bool begin_ending() {
  if (!__atomic_exchange_n(&ending.has_begun, true, __ATOMIC_ACQ_REL)) return true;
  if (!may_block()) return false;
  WaitQueue for_ever;
  for_ever.wait([] { return false; }, Deadline::never(), false);
  return false;
}

/// Lets the firmware's byte code prepare for power off, where that is possible, and for a limited time.
/// Returns whether it did.
bool prepare_in_time(int code, const char* reason) {
  if (!acpi_interpreter_is_ready() || !begin_ending()) return false;
  if (!may_block()) return false;
  ending.code = code;
  ending.reason = reason;
  ending.latest.callback = preparation_took_too_long;
  start_timer(&ending.latest, Deadline::after(kLongestPreparation));
  return acpi_prepare_soft_off();
}

}  // namespace

void end_machine(int code, const char* reason, EndKind kind) {
  terminals_send_rest();
  power_initialise();  // an app that never let the CPU idle ends before the idle loop got to it
  if (kind == EndKind::OfApp && restart_is_wanted(code) && begin_ending()) {
    write_status(code, reason);
    restart_after_pause(may_block());
  }
  const bool is_prepared = prepare_in_time(code, reason);
  asm volatile("cli" : : : "memory");
  write_status(code, reason);
  console_flush();
  if (is_prepared) acpi_enter_soft_off();
  machine_power_off();
}

void restart_machine() {
  power_initialise();
  write_status(0, "reboot");
  machine_reboot();
}

}  // namespace runtime
