// What the machine tells through ACPI: its power and sleep buttons, and notifications of devices.
#pragma once

namespace runtime {

/// Listens to the buttons (fixed ones and those that byte code describes), and to the event devices of
/// machines without ACPI's own registers. Once, after ACPICA was started; from its thread.
void acpi_start_events();

}  // namespace runtime
