// What the parts of ACPICA's host layer share. ACPICA (Intel's interpreter, compiled by
// cmake/Acpica.cmake) calls functions named acpi_os_*: host_memory.cpp, host_sync.cpp, host_work.cpp,
// host_interrupt.cpp, host_print.cpp, host_tables.cpp. Source: ACPI Component Architecture User Guide,
// chapter 9 (OS services layer).
//
// Threads: ACPICA runs in kernel threads of its own (host_work.cpp) and in threads that ask for
// something; its interrupt handler in interrupt context. The kernel is not preempted, so the functions
// that byte code cannot do without (mutexes, its object caches) offer the CPU to others.
#pragma once

extern "C" {
#include <acpi/acpi.h>
}

namespace runtime {

/// Offers the CPU to another thread, where that may be done. Called whenever ACPICA holds no spinlock.
void acpi_yield();
/// From now on ACPICA keeps the CPU: the machine ends.
void acpi_stop_yielding();

/// Makes the threads that deferred work runs in. Returns false when there is no memory.
bool acpi_start_work_threads();

/// Opens the line of the system control interrupt. Returns false when it cannot be had, or is open already.
bool acpi_open_control_interrupt(uint32_t number);

/// Looks whether the ACPI interrupt is asked for, as if it had come: for a line that is masked.
/// Returns whether an event was found.
bool acpi_poll_interrupt();

}  // namespace runtime
