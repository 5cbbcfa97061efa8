#include "acpi/device_search.h"

#include "lib/string.h"

namespace runtime {

namespace {

constexpr char kVirtioId[] = "LNRO0005";
/// Between the id and the end of the device's resources; real ones take some 60 bytes.
constexpr size_t kDeviceSpan = 160;

// Resource descriptors.
constexpr uint8_t kMemory32Fixed = 0x86;
constexpr uint16_t kMemory32FixedLength = 9;
constexpr uint8_t kExtendedInterrupt = 0x89;
constexpr uint8_t kActiveLow = 1 << 2;

// Byte code (ACPI 6.5, 20.2).
constexpr uint8_t kNameOpcode = 0x08;
constexpr uint8_t kMethodOpcode = 0x14;
constexpr uint8_t kReturnOpcode = 0xa4;
constexpr uint8_t kDwordPrefix = 0x0c;
constexpr uint8_t kQwordPrefix = 0x0e;

/// Bytes that know where they end: reads past the end give zeroes.
class Aml {
 public:
  Aml(const uint8_t* bytes, size_t size) : bytes_(bytes), size_(size) {}

  size_t size() const { return size_; }
  uint64_t number(size_t at, size_t width) const {
    uint64_t value = 0;
    if (at <= size_ && width <= size_ - at) memcpy(&value, bytes_ + at, width);
    return value;
  }
  uint8_t byte(size_t at) const { return static_cast<uint8_t>(number(at, 1)); }
  /// Where `text` is next, from `at` on; the size when it is not there.
  size_t find(const char* text, size_t length, size_t at) const {
    for (; at + length <= size_; ++at)
      if (memcmp(bytes_ + at, text, length) == 0) return at;
    return size_;
  }

 private:
  const uint8_t* bytes_;
  size_t size_;
};

bool read_device(const Aml& aml, size_t at, VirtioMmioDescription* device) {
  bool has_memory = false;
  for (const size_t end = at + kDeviceSpan; at < end && at < aml.size(); ++at) {
    const uint64_t length = aml.number(at + 1, 2);
    if (!has_memory && aml.byte(at) == kMemory32Fixed && length == kMemory32FixedLength) {
      device->address = aml.number(at + 4, 4);
      device->size = aml.number(at + 8, 4);
      has_memory = true;
      at += 2 + kMemory32FixedLength;
    } else if (has_memory && aml.byte(at) == kExtendedInterrupt && aml.byte(at + 4) == 1) {
      device->is_active_low = aml.byte(at + 3) & kActiveLow;
      device->line = static_cast<uint32_t>(aml.number(at + 5, 4));
      return device->address != 0 && device->size != 0;
    }
  }
  return false;
}

/// A number with its prefix.
bool read_number(const Aml& aml, size_t at, uint64_t* value) {
  const uint8_t prefix = aml.byte(at);
  if (prefix != kDwordPrefix && prefix != kQwordPrefix) return false;
  *value = aml.number(at + 1, prefix == kDwordPrefix ? 4 : 8);
  return true;
}

/// A number as the compiler shortens it: 0, 1, or with a prefix. Gives where it ends; 0 when it is none.
size_t read_any_number(const Aml& aml, size_t at, uint64_t* value) {
  static const struct {
    uint8_t prefix;
    uint8_t width;
  } kForms[] = {{0x00, 0}, {0x01, 0}, {0x0a, 1}, {0x0b, 2}, {kDwordPrefix, 4}, {kQwordPrefix, 8}};
  for (const auto& form : kForms) {
    if (at >= aml.size() || aml.byte(at) != form.prefix) continue;
    *value = form.width ? aml.number(at + 1, form.width) : form.prefix;
    return at + 1 + form.width;
  }
  return 0;
}

}  // namespace

size_t find_virtio_mmio_devices(const uint8_t* bytes, size_t size, VirtioMmioDescription* into,
                                size_t capacity) {
  const Aml aml(bytes, size);
  constexpr size_t kLength = sizeof(kVirtioId) - 1;
  size_t count = 0;
  for (size_t at = aml.find(kVirtioId, kLength, 0); at < size && count < capacity;
       at = aml.find(kVirtioId, kLength, at + kLength)) {
    VirtioMmioDescription device;
    if (read_device(aml, at + kLength, &device)) into[count++] = device;
  }
  return count;
}

bool find_configuration_base(const uint8_t* bytes, size_t size, uint64_t* address) {
  const Aml aml(bytes, size);
  for (size_t at = aml.find("_CBA", 4, 0); at < size; at = aml.find("_CBA", 4, at + 4)) {
    if (at > 0 && aml.byte(at - 1) == kNameOpcode && read_number(aml, at + 4, address)) return true;
    // A method this short has one byte of length before its name, and one of flags after it.
    if (at > 1 && aml.byte(at - 2) == kMethodOpcode && aml.byte(at + 5) == kReturnOpcode &&
        read_number(aml, at + 6, address))
      return true;
  }
  return false;
}

bool find_generation_address(const uint8_t* bytes, size_t size, uint64_t* address) {
  static const char kId[] = "VM_Gen_Counter";
  constexpr uint64_t kGuidOffset = 40;  // QEMU, docs/specs/vmgenid.txt
  constexpr uint8_t kPackageOpcode = 0x12;
  const Aml aml(bytes, size);
  if (aml.find(kId, sizeof(kId) - 1, 0) == size) return false;
  for (size_t at = aml.find("VGIA", 4, 0); at < size; at = aml.find("VGIA", 4, at + 4)) {
    if (at == 0 || aml.byte(at - 1) != kNameOpcode || !read_any_number(aml, at + 4, address))
      continue;
    *address += kGuidOffset;
    return true;
  }
  for (size_t at = aml.find("ADDR", 4, 0); at < size; at = aml.find("ADDR", 4, at + 4)) {
    // Name, package, one byte of length, two elements.
    if (at == 0 || aml.byte(at - 1) != kNameOpcode || aml.byte(at + 4) != kPackageOpcode ||
        aml.byte(at + 6) != 2)
      continue;
    uint64_t low, high;
    const size_t second = read_any_number(aml, at + 7, &low);
    if (!second || !read_any_number(aml, second, &high)) continue;
    *address = low | high << 32;
    return true;
  }
  return false;
}

}  // namespace runtime
