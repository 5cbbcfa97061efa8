// What ACPICA's acenvex.h includes after the types are known: prototypes that aclinux.h announced.
#pragma once

acpi_status acpi_os_initialize(void);
acpi_status acpi_os_terminate(void);
acpi_status acpi_os_create_raw_lock(acpi_raw_spinlock* out_handle);
