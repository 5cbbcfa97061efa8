#include "boot/shared_base.h"

#include "acpi/tables.h"
#include "boot/image_layout.h"
#include "lib/string.h"
#include "memory/frames.h"
#include "memory/physical.h"

namespace runtime {

namespace {

// ACPI 6.5, section 5.2.26: after the header come structures of a type, a length and content.
constexpr size_t kFirstStructure = 40;
constexpr size_t kStructureHeader = 4;
// Section 5.2.26.2, System Physical Address (SPA) Range Structure.
constexpr uint16_t kSystemRange = 0;
constexpr size_t kRangeKind = 16;
constexpr size_t kRangeStart = 32;
constexpr size_t kRangeLength = 40;
constexpr size_t kRangeSize = 56;
/// 66F0D379-B4F3-4074-AC43-0D3318B78CDB: byte addressable persistent memory.
const uint8_t kPersistentMemory[16] = {0x79, 0xd3, 0xf0, 0x66, 0xf3, 0xb4, 0x74, 0x40,
                                       0xac, 0x43, 0x0d, 0x33, 0x18, 0xb7, 0x8c, 0xdb};

/// What follows the base, at the next page: lib/base/src/split.ts.
struct SharedBaseMark {
  char magic[8];
  uint64_t stamp;
  uint64_t size;
};
const char kMagic[] = "RJSBASE1";

template <typename T>
T read(const uint8_t* at) {
  T value;
  memcpy(&value, at, sizeof(value));
  return value;
}

/// Whether this kernel's base is at `start`, in `length` bytes. Makes it visible.
bool holds_base(uint64_t start, uint64_t length) {
  const uint64_t size = base_image.size;
  const uint64_t mark_at = align_up(size, kPageSize);
  if (start % kLargePageSize || length < mark_at + kPageSize) return false;
  if (!map_persistent_memory({start, start + mark_at + kPageSize})) return false;
  SharedBaseMark mark;
  memcpy(&mark, phys_to_virt(PhysAddr(start + mark_at)), sizeof(mark));
  return !memcmp(mark.magic, kMagic, sizeof(mark.magic)) && mark.stamp == base_image.stamp &&
         mark.size == size;
}

}  // namespace

const char* find_shared_base(PhysicalRange* base) {
  const uint8_t* table = nullptr;
  size_t size = 0;
  if (!acpi_find_table("NFIT", &table, &size))
    return "this kernel comes without its base, and the machine has no NVDIMM with it: start the "
           "whole "
           "runtime image, or add the base's file as an NVDIMM";
  for (size_t at = kFirstStructure; at + kStructureHeader <= size;) {
    const uint16_t length = read<uint16_t>(table + at + 2);
    if (length < kStructureHeader || at + length > size) break;
    const bool is_persistent = read<uint16_t>(table + at) == kSystemRange && length >= kRangeSize &&
                               !memcmp(table + at + kRangeKind, kPersistentMemory, 16);
    if (is_persistent) {
      const uint64_t start = read<uint64_t>(table + at + kRangeStart);
      if (holds_base(start, read<uint64_t>(table + at + kRangeLength))) {
        *base = {start, start + base_image.size};
        return nullptr;
      }
    }
    at += length;
  }
  return "no NVDIMM of the machine holds this kernel's base: use the file that was made from the "
         "same "
         "runtime image as the kernel";
}

}  // namespace runtime
