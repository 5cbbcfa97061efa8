// Switching the machine off and starting it again.
#pragma once

#include <stdint.h>

namespace runtime {

/// Reads what `machine_power_off` and `machine_reboot` need out of the FADT and the DSDT, so that
/// they work in a panic, when tables may be gone. Call after acpi_initialise, from a place that holds no
/// lock; only the first call does anything.
void power_initialise();

/// Has the machine report its fixed events by the system control interrupt, as ACPICA does when it starts.
void power_enable_acpi_mode();

/// Writes what ACPICA has put together into the registers that switch the machine off: PM1a_CNT and
/// PM1b_CNT, or `control_a` into the sleep control register of a hardware-reduced machine. Returns when
/// that had no effect. Interrupts are off.
void write_soft_off(uint32_t control_a, uint32_t control_b);

/// Switches the machine off through ACPI (S5). Where that is not possible it says so on the console
/// and halts the CPU. Usable in any context; interrupts go off and other CPUs keep running.
[[noreturn]] void machine_power_off();

/// Restarts the machine: by the FADT's reset register, else the keyboard controller, else a triple
/// fault. Usable in any context.
[[noreturn]] void machine_reboot();

}  // namespace runtime
