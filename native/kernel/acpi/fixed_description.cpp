#include "acpi/fixed_description.h"

#include "lib/string.h"

namespace runtime {

namespace {

// Offsets into the FADT: ACPI 6.5, table 5.9.
constexpr size_t kDsdt = 40;
constexpr size_t kInterrupt = 46;
constexpr size_t kSmiCommand = 48;
constexpr size_t kAcpiEnable = 52;
constexpr size_t kEventA = 56;
constexpr size_t kEventLength = 88;
constexpr size_t kControlA = 64;
constexpr size_t kControlB = 68;
constexpr size_t kPowerTimer = 76;
constexpr size_t kPowerTimerLength = 91;
constexpr size_t kFlags = 112;
constexpr size_t kResetRegister = 116;
constexpr size_t kResetValue = 128;
constexpr size_t kExtendedDsdt = 140;
constexpr size_t kExtendedEventA = 148;
constexpr size_t kExtendedControlA = 172;
constexpr size_t kExtendedControlB = 184;
constexpr size_t kExtendedPowerTimer = 208;
constexpr size_t kSleepControl = 244;
/// The first revision ends with the flags.
constexpr size_t kFirstRevisionSize = 116;

constexpr uint32_t kFlagPowerTimer32Bit = 1u << 8;
constexpr uint32_t kFlagResetSupported = 1u << 10;
constexpr uint32_t kFlagNoFixedPowerButton = 1u << 4;
constexpr uint32_t kFlagHardwareReduced = 1u << 20;

/// A table whose missing end reads as zeroes.
class Fields {
 public:
  Fields(const uint8_t* table, size_t size) : table_(table), size_(size) {}

  template <typename T>
  T read(size_t offset) const {
    T value = 0;
    if (offset + sizeof(T) <= size_) memcpy(&value, table_ + offset, sizeof(T));
    return value;
  }
  AcpiRegister read_register(size_t offset) const {
    constexpr size_t kAddressOffset = 4;
    AcpiRegister result;
    const uint8_t space = read<uint8_t>(offset);
    if (space > static_cast<uint8_t>(AcpiRegister::Space::PciConfiguration)) return result;
    result.space = static_cast<AcpiRegister::Space>(space);
    result.address = read<uint64_t>(offset + kAddressOffset);
    return result;
  }
  /// A register given twice: by its address structure, or as a bare port in old tables.
  AcpiRegister read_register_or_port(size_t extended_offset, size_t port_offset) const {
    AcpiRegister result = read_register(extended_offset);
    if (result.is_present()) return result;
    result.space = AcpiRegister::Space::Port;
    result.address = read<uint32_t>(port_offset);
    return result;
  }

 private:
  const uint8_t* table_;
  size_t size_;
};

}  // namespace

bool parse_fixed_description(const uint8_t* table, size_t size, FixedDescription* result) {
  if (size < kFirstRevisionSize) return false;
  const Fields fields(table, size);
  FixedDescription description;
  const uint64_t extended_dsdt = fields.read<uint64_t>(kExtendedDsdt);
  description.dsdt = extended_dsdt ? extended_dsdt : fields.read<uint32_t>(kDsdt);
  description.interrupt = fields.read<uint16_t>(kInterrupt);
  description.smi_command_port = static_cast<uint16_t>(fields.read<uint32_t>(kSmiCommand));
  description.acpi_enable = fields.read<uint8_t>(kAcpiEnable);
  description.control_a = fields.read_register_or_port(kExtendedControlA, kControlA);
  description.control_b = fields.read_register_or_port(kExtendedControlB, kControlB);
  const uint32_t flags = fields.read<uint32_t>(kFlags);
  if (flags & kFlagResetSupported) {
    description.reset = fields.read_register(kResetRegister);
    description.reset_value = fields.read<uint8_t>(kResetValue);
  }
  if (flags & kFlagHardwareReduced) {
    description.is_hardware_reduced = true;
    description.sleep_control = fields.read_register(kSleepControl);
  } else if (fields.read<uint8_t>(kPowerTimerLength) == 4) {
    const AcpiRegister timer = fields.read_register_or_port(kExtendedPowerTimer, kPowerTimer);
    if (timer.space == AcpiRegister::Space::Port)
      description.power_timer_port = static_cast<uint16_t>(timer.address);
    description.power_timer_is_32_bit = (flags & kFlagPowerTimer32Bit) != 0;
  }
  const unsigned event_length = fields.read<uint8_t>(kEventLength);
  if (!(flags & (kFlagHardwareReduced | kFlagNoFixedPowerButton)) && event_length >= 4) {
    const AcpiRegister events = fields.read_register_or_port(kExtendedEventA, kEventA);
    if (events.is_present() && events.space == AcpiRegister::Space::Port) {
      description.button_status_port = static_cast<uint16_t>(events.address);
      description.button_enable_port = static_cast<uint16_t>(events.address + event_length / 2);
    }
  }
  *result = description;
  return true;
}

}  // namespace runtime
