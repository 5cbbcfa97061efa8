// What the machine tells through ACPI: its power and sleep buttons, and notifications of devices.
#pragma once

namespace runtime {

/// Listens to the sleep button that has a register of its own. Once, when ACPI's events are on; before
/// the byte code of devices runs, which may take long.
void acpi_listen_to_sleep_button();
/// Listens to the buttons that byte code describes, and to the event devices of machines without ACPI's
/// own registers. Once, after ACPICA was started; from its thread.
void acpi_listen_to_devices();

}  // namespace runtime
