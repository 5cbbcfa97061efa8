// ACPICA: the firmware's byte code, loaded and run. What boot needs it finds without (tables.h,
// device_search.h, sleep_package.h); everything here waits until the app has started.
//
// Order: prepare (boot) -> start (first idle moment, or some seconds later) -> a kernel thread of the
// lowest priority loads all tables, turns events on and runs the devices' initialisation -> ready.
#pragma once

#include "time/clock.h"

namespace runtime {

/// Leaves the byte code alone: of ACPI the tables are used only, and the fixed power button. For firmware whose
/// byte code does harm. Before the rest.
void acpi_leave_byte_code();
/// Makes the thread that will do the work, and arms a timer, so that an app which never lets the CPU
/// idle does not keep ACPI out for ever. Once, when threads can be made.
void acpi_interpreter_prepare();
/// Starts the work, if it has not started yet. Interrupt-safe.
void acpi_interpreter_start();
/// True when byte code can be run.
bool acpi_interpreter_is_ready();
/// Starts the work if need be, and waits until it is all done, the reading of interrupt routes too.
/// Returns false when byte code cannot be run: the tables are damaged, there are none, or `deadline` came
/// first.
bool acpi_interpreter_wait(Deadline deadline);

/// Prepares the machine for being switched off, as its firmware wants it (_PTS). Returns false when that is
/// not possible. From a thread that holds no lock.
bool acpi_prepare_soft_off();
/// After acpi_prepare_soft_off: switches the machine off. Returns when it did not work. Interrupts are off.
void acpi_enter_soft_off();

}  // namespace runtime
