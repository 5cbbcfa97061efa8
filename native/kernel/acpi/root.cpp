#include "acpi/checksum.h"
#include "lib/string.h"

namespace runtime {

namespace {

constexpr size_t kFirstRevisionSize = 20;
constexpr size_t kSecondRevisionSize = 36;
constexpr size_t kRevisionOffset = 15;
constexpr size_t kRsdtOffset = 16;
constexpr size_t kLengthOffset = 20;
constexpr size_t kXsdtOffset = 24;

template <typename T>
T load(const uint8_t* bytes) {
  T value;
  memcpy(&value, bytes, sizeof(value));
  return value;
}

}  // namespace

bool parse_acpi_root(const uint8_t* bytes, size_t size, AcpiRoot* root) {
  if (size < kFirstRevisionSize || memcmp(bytes, "RSD PTR ", 8) != 0) return false;
  if (!acpi_checksum_is_right(bytes, kFirstRevisionSize)) return false;
  root->table = load<uint32_t>(bytes + kRsdtOffset);
  root->entry_size = 4;
  if (bytes[kRevisionOffset] >= 2 && size >= kSecondRevisionSize) {
    const uint32_t length = load<uint32_t>(bytes + kLengthOffset);
    if (length >= kSecondRevisionSize && length <= size && acpi_checksum_is_right(bytes, length)) {
      const uint64_t xsdt = load<uint64_t>(bytes + kXsdtOffset);
      if (xsdt) {
        root->table = xsdt;
        root->entry_size = 8;
      }
    }
  }
  return root->table != 0;
}

}  // namespace runtime
