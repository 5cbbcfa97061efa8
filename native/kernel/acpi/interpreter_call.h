// Every way into ACPICA from a thread: tables that lie may make it fault, and then it is left for good.
#pragma once

namespace runtime {

/// Runs `function`, which calls ACPICA, with `argument`. Returns false when ACPICA has been abandoned, by this
/// call (the log says where) or before it. Not nested.
bool acpi_call(void (*function)(void* argument), void* argument);
/// True once ACPICA has faulted. What waits for one of its locks then gets an error.
bool acpi_is_abandoned();

}  // namespace runtime
