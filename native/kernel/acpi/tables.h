// Finding ACPI tables: RSDP, then XSDT or RSDT, then tables by signature. Source: ACPI 6.5, chapter
// 5.2. Tables come from firmware: lengths and checksums are verified before a table is used.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/types.h"

namespace runtime {

/// The header that every table but RSDP and FACS starts with (ACPI 6.5, 5.2.6).
struct __attribute__((packed)) AcpiHeader {
  char signature[4];
  uint32_t length;  // of the whole table
  uint8_t revision;
  uint8_t checksum;
  char oem_id[6];
  char oem_table_id[8];
  uint32_t oem_revision;
  uint32_t creator_id;
  uint32_t creator_revision;
};
static_assert(sizeof(AcpiHeader) == 36, "ACPI table headers are 36 bytes");

/// Finds the tables. `rsdp` is what the boot protocol handed over; 0 searches the BIOS areas. A
/// machine without ACPI is not an error: a log line says so, and no table is found later. Needs the
/// kernel's view of physical memory, no heap.
void acpi_initialise(PhysAddr rsdp);

/// Where the root pointer (RSDP) is; 0 when none was found.
PhysAddr acpi_root_pointer();

/// Finds the table with the four-letter `signature`, the `index`th of those when there are several
/// (SSDT), header included, in the kernel's view of physical memory. Returns false when there is
/// none with a right length and checksum.
bool acpi_find_table(const char* signature, const uint8_t** table, size_t* size,
                     unsigned index = 0);

/// Verifies and returns the table at `address` with the given signature: for tables that others
/// point to (DSDT). Returns false when it is not one.
bool acpi_table_at(PhysAddr address, const char* signature, const uint8_t** table, size_t* size);

/// Finds the byte code of the DSDT, without its header. Returns false when there is no sound one.
bool acpi_find_byte_code(const uint8_t** aml, size_t* size);

}  // namespace runtime
