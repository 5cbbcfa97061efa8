// The pure checks of ACPI's root pointer and tables.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace runtime {

/// True when all bytes add up to 0 modulo 256, as every ACPI structure's do.
inline bool acpi_checksum_is_right(const uint8_t* bytes, size_t size) {
  uint8_t sum = 0;
  for (size_t i = 0; i < size; ++i) sum = static_cast<uint8_t>(sum + bytes[i]);
  return sum == 0;
}

/// What the RSDP says (ACPI 6.5, 5.2.5.3).
struct AcpiRoot {
  uint64_t table = 0;       // physical address of the XSDT or RSDT
  unsigned entry_size = 0;  // 8 for the XSDT, 4 for the RSDT
};

/// Checks the RSDP at `bytes`, of which `size` are readable. Returns false when it is not one.
bool parse_acpi_root(const uint8_t* bytes, size_t size, AcpiRoot* root);

}  // namespace runtime
