// ACPICA's host layer: the root pointer, what is not overridden, and AML's own messages to the system.
#include "acpi/host.h"
#include "acpi/power.h"
#include "acpi/tables.h"
#include "lib/format.h"

acpi_status acpi_os_initialize(void) { return AE_OK; }
acpi_status acpi_os_terminate(void) { return AE_OK; }

acpi_physical_address acpi_os_get_root_pointer(void) { return runtime::acpi_root_pointer().value; }

/// Names and tables are taken as the firmware has them.
acpi_status acpi_os_predefined_override(const struct acpi_predefined_names*, acpi_string* value) {
  if (!value) return AE_BAD_PARAMETER;
  *value = nullptr;
  return AE_OK;
}

acpi_status acpi_os_table_override(struct acpi_table_header*, struct acpi_table_header** table) {
  if (!table) return AE_BAD_PARAMETER;
  *table = nullptr;
  return AE_OK;
}

acpi_status acpi_os_physical_table_override(struct acpi_table_header*,
                                            acpi_physical_address* address, u32* length) {
  if (!address || !length) return AE_BAD_PARAMETER;
  *address = 0;
  *length = 0;
  return AE_OK;
}

/// The firmware's byte code reports a fault of the machine (Fatal), or stops for a debugger.
acpi_status acpi_os_signal(u32 function, void* information) {
  using namespace runtime;
  if (function == ACPI_SIGNAL_BREAKPOINT) return AE_OK;
  if (function != ACPI_SIGNAL_FATAL) return AE_NOT_IMPLEMENTED;
  const acpi_signal_fatal_info* const fatal =
      static_cast<const acpi_signal_fatal_info*>(information);
  log(LogLevel::Error,
      "ACPI: the firmware reports a fatal error: type %u, code 0x%x, argument 0x%x",
      fatal ? fatal->type : 0, fatal ? fatal->code : 0, fatal ? fatal->argument : 0);
  return AE_OK;
}

/// Called instead of ACPICA's last write, which would wait for ever for the machine to wake up.
acpi_status acpi_os_enter_sleep(u8 state, u32 control_a, u32 control_b) {
  if (state != ACPI_STATE_S5) return AE_NOT_IMPLEMENTED;
  runtime::write_soft_off(control_a, control_b);
  return AE_CTRL_TERMINATE;
}
