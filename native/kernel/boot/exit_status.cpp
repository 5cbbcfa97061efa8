#include "boot/exit_status.h"

#include "acpi/power.h"
#include "arch/x86_64/ports.h"
#include "boot/console_port.h"

namespace runtime {

namespace {

/// The debug console of QEMU (-device isa-debugcon) and Bochs; reading it returns its own number.
constexpr uint16_t kDebugConsolePort = 0xe9;

void write_status(int code, const char* reason) {
  char line[kExitStatusCapacity];
  const size_t length = format_exit_status(line, sizeof(line), code, reason);
  if (in8(kDebugConsolePort) == kDebugConsolePort) out8_string(kDebugConsolePort, line, length);
}

}  // namespace

void end_machine(int code, const char* reason) {
  power_initialise();  // an app that never let the CPU idle ends before the idle loop got to it
  asm volatile("cli" : : : "memory");
  write_status(code, reason);
  console_flush();
  machine_power_off();
}

void restart_machine() {
  power_initialise();
  write_status(0, "reboot");
  machine_reboot();
}

}  // namespace runtime
