// ACPICA's host layer: the system control interrupt (SCI). It is level-triggered and may be shared with
// devices (ACPI 6.5, 4.8.2.3; 5.2.9, SCI_INT).
//
// An SCI that nobody explains, again and again, is masked (interrupts/device_interrupts.cpp counts); its
// sources are then looked at once a second, so that the power button still works.
#include "acpi/fixed_button.h"
#include "acpi/host.h"
#include "interrupts/device_interrupts.h"
#include "lib/format.h"
#include "time/timer.h"

namespace runtime {

namespace {

constexpr uint32_t kLegacyLines = 16;

struct Sci {
  acpi_osd_handler routine = nullptr;
  void* context = nullptr;
  uint32_t number = 0;
  Timer poll;
};
Sci sci;

void poll_again(Timer* timer) {
  acpi_poll_interrupt();
  start_timer(timer, Deadline::after(kNanosecondsPerSecond));
}

bool sci_fired(void*) { return acpi_poll_interrupt(); }

void sci_storm(void*) {
  log(LogLevel::Warn, "ACPI: its events are looked at once a second from now on");
  sci.poll.callback = poll_again;
  start_timer(&sci.poll, Deadline::after(kNanosecondsPerSecond));
}

}  // namespace

bool acpi_poll_interrupt() {
  const bool was_pressed = fixed_button_look();
  acpi_osd_handler const routine = __atomic_load_n(&sci.routine, __ATOMIC_ACQUIRE);
  return (routine && routine(sci.context) == ACPI_INTERRUPT_HANDLED) || was_pressed;
}

bool acpi_open_control_interrupt(uint32_t number) {
  const InterruptLine line =
      number < kLegacyLines ? apic_line_of_legacy(number) : InterruptLine{number, true, false};
  return !open_kernel_line(line, sci_fired, sci_storm, nullptr).is_error();
}

}  // namespace runtime

acpi_status acpi_os_install_interrupt_handler(u32 number, acpi_osd_handler routine, void* context) {
  using namespace runtime;
  if (!routine) return AE_BAD_PARAMETER;
  if (sci.routine) return AE_ALREADY_EXISTS;
  sci.context = context;
  sci.number = number;
  __atomic_store_n(&sci.routine, routine, __ATOMIC_RELEASE);
  if (acpi_open_control_interrupt(number)) return AE_OK;
  __atomic_store_n(&sci.routine, nullptr, __ATOMIC_RELEASE);
  log(LogLevel::Warn, "ACPI: interrupt %u cannot be had; the power button will not work", number);
  return AE_NOT_EXIST;
}

/// Keeps the line, and calls nobody: ACPICA removes its handler only when it is shut down.
acpi_status acpi_os_remove_interrupt_handler(u32 number, acpi_osd_handler routine) {
  using namespace runtime;
  if (!routine) return AE_BAD_PARAMETER;
  if (sci.routine != routine || sci.number != number) return AE_NOT_EXIST;
  __atomic_store_n(&sci.routine, nullptr, __ATOMIC_RELEASE);
  return AE_OK;
}
