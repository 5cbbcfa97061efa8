// The fixed power button (ACPI 6.5, 4.8.3.1), which needs no byte code: it is listened to here and not by
// ACPICA, so that no press is lost while ACPICA starts, and none when it cannot use the machine's tables.
#pragma once

#include <stdint.h>

namespace runtime {

/// Has the machine remember that its power button was pressed, until the control interrupt is open. Early at
/// boot, after acpi_initialise.
void fixed_button_latch();

/// Reports a press that the machine remembers, and has it forget it. Returns whether there was one.
bool fixed_button_look();

/// What to write to `port` instead of `value`: ACPICA turns all fixed events off when it starts, and a
/// machine may forget a press that comes meanwhile.
uint32_t fixed_button_kept_enabled(uint16_t port, uint32_t value);

/// Opens the control interrupt for the button alone: ACPICA does not run, and will not.
void fixed_button_listen_alone();

}  // namespace runtime
