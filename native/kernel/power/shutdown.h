// How the machine ends in an orderly way: the power button, the deadline, restarts.
#pragma once

#include <stdint.h>

namespace runtime {

/// The power button was pressed (or the hypervisor asks for a shutdown). The first time the app gets
/// SIGTERM, and so many seconds as the kernel option `shutdown=` gives; then, or when the button is
/// pressed again, the machine is switched off with exit code 143. Interrupt-safe.
void power_button_pressed();
/// True when it was: whatever ends the app from then on, the machine stays off.
bool power_button_was_pressed();
/// The sleep button was pressed: the machine cannot sleep, and says so. Interrupt-safe.
void sleep_button_pressed();

/// Sets how long the app may take after the power button was pressed, in seconds.
void set_shutdown_seconds(uint32_t seconds);

}  // namespace runtime
