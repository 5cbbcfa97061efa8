#include "acpi/tables.h"

#include "acpi/checksum.h"
#include "acpi/fixed_description.h"
#include "acpi/view.h"
#include "lib/format.h"
#include "lib/string.h"

namespace runtime {

namespace {

/// No real table comes near; a larger length is damage.
constexpr size_t kMaximumTableSize = 16 * 1024 * 1024;
constexpr size_t kRootPointerSize = 36;

// Where BIOS firmware puts the RSDP, on a 16-byte boundary (ACPI 6.5, 5.2.5.1).
constexpr uint64_t kExtendedBiosDataSegment = 0x40e;
constexpr uint64_t kExtendedBiosDataLength = 1024;
constexpr uint64_t kBiosAreaStart = 0xe0000;
constexpr uint64_t kBiosAreaEnd = 0x100000;
constexpr uint64_t kRootPointerAlignment = 16;

PhysAddr root_pointer;
unsigned entry_size = 0;
const uint8_t* table_list = nullptr;
size_t table_list_size = 0;

bool try_root_pointer(PhysAddr address, AcpiRoot* root) {
  const uint8_t* const bytes = view_firmware(address, kRootPointerSize);
  if (!bytes || !parse_acpi_root(bytes, kRootPointerSize, root)) return false;
  root_pointer = address;
  return true;
}

bool search_area(uint64_t start, uint64_t end, AcpiRoot* root) {
  for (uint64_t at = start; at + kRootPointerSize <= end; at += kRootPointerAlignment) {
    if (try_root_pointer(PhysAddr(at), root)) return true;
  }
  return false;
}

bool search_bios_areas(AcpiRoot* root) {
  uint16_t segment;
  memcpy(&segment, view_firmware(PhysAddr(kExtendedBiosDataSegment), sizeof(segment)),
         sizeof(segment));
  const uint64_t extended = static_cast<uint64_t>(segment) << 4;
  if (extended >= 0x400 && extended + kExtendedBiosDataLength <= 0xa0000 &&
      search_area(extended, extended + kExtendedBiosDataLength, root)) {
    return true;
  }
  return search_area(kBiosAreaStart, kBiosAreaEnd, root);
}

/// Physical address of the `index`th table that the root table lists.
PhysAddr root_entry(size_t index) {
  uint64_t address = 0;
  memcpy(&address, table_list + sizeof(AcpiHeader) + index * entry_size, entry_size);
  return PhysAddr(address);
}

}  // namespace

void acpi_initialise(PhysAddr rsdp) {
  AcpiRoot root;
  const bool found = (rsdp.value && try_root_pointer(rsdp, &root)) || search_bios_areas(&root);
  if (!found) {
    log(LogLevel::Warn, "ACPI: no root pointer (RSDP) found; power off will not work");
    return;
  }
  const char* const signature = root.entry_size == 8 ? "XSDT" : "RSDT";
  if (!acpi_table_at(PhysAddr(root.table), signature, &table_list, &table_list_size)) {
    log(LogLevel::Warn, "ACPI: the table list at 0x%lx is damaged; power off will not work",
        root.table);
    return;
  }
  entry_size = root.entry_size;
}

PhysAddr acpi_root_pointer() { return root_pointer; }

bool acpi_table_at(PhysAddr address, const char* signature, const uint8_t** table, size_t* size) {
  if (address.value == 0) return false;
  const uint8_t* bytes = view_firmware(address, sizeof(AcpiHeader));
  if (!bytes) return false;
  AcpiHeader header;
  memcpy(&header, bytes, sizeof(header));
  if (memcmp(header.signature, signature, sizeof(header.signature)) != 0) return false;
  if (header.length < sizeof(AcpiHeader) || header.length > kMaximumTableSize) return false;
  bytes = view_firmware(address, header.length);
  if (!bytes) return false;
  if (!acpi_checksum_is_right(bytes, header.length)) {
    log(LogLevel::Warn, "ACPI: table %.4s has a wrong checksum and is ignored", signature);
    return false;
  }
  *table = bytes;
  *size = header.length;
  return true;
}

bool acpi_find_table(const char* signature, const uint8_t** table, size_t* size, unsigned index) {
  if (!table_list) return false;
  const size_t count = (table_list_size - sizeof(AcpiHeader)) / entry_size;
  for (size_t i = 0; i < count; ++i) {
    const PhysAddr address = root_entry(i);
    if (address.value == 0) continue;
    const uint8_t* const name = view_firmware(address, sizeof(AcpiHeader::signature));
    if (!name || memcmp(name, signature, sizeof(AcpiHeader::signature)) != 0) continue;
    const uint8_t* candidate;
    size_t candidate_size;
    if (!acpi_table_at(address, signature, &candidate, &candidate_size)) continue;
    if (index-- == 0) {
      *table = candidate;
      *size = candidate_size;
      return true;
    }
  }
  return false;
}

bool acpi_find_byte_code(const uint8_t** aml, size_t* size) {
  const uint8_t* table;
  FixedDescription fixed;
  if (!acpi_find_table("FACP", &table, size) || !parse_fixed_description(table, *size, &fixed) ||
      !acpi_table_at(PhysAddr(fixed.dsdt), "DSDT", &table, size))
    return false;
  *aml = table + sizeof(AcpiHeader);
  *size -= sizeof(AcpiHeader);
  return true;
}

}  // namespace runtime
