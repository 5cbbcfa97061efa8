// The fields of the FADT that power control uses (ACPI 6.5, 5.2.9). Pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace runtime {

/// A register in some address space (Generic Address Structure, ACPI 6.5, 5.2.3.2).
struct AcpiRegister {
  enum class Space : uint8_t { Memory = 0, Port = 1, PciConfiguration = 2 };

  Space space = Space::Port;
  uint64_t address = 0;  // 0: absent

  bool is_present() const { return address != 0; }
};

struct FixedDescription {
  uint64_t dsdt = 0;  // physical address
  uint16_t smi_command_port = 0;
  uint8_t acpi_enable = 0;
  AcpiRegister control_a;  // PM1a_CNT
  AcpiRegister control_b;  // PM1b_CNT
  AcpiRegister reset;      // absent unless the flags say that it works
  uint8_t reset_value = 0;
  AcpiRegister sleep_control;  // hardware-reduced machines only
  bool is_hardware_reduced = false;
  uint16_t interrupt = 0;           // the system control interrupt's line
  uint16_t button_status_port = 0;  // PM1a_STS, 0: there is no fixed power button at a port
  uint16_t button_enable_port = 0;  // PM1a_EN
  uint16_t power_timer_port = 0;    // PM_TMR_BLK; 0: there is none
  bool power_timer_is_32_bit = false;
};

/// Reads a FADT of `size` bytes (of any revision: absent fields stay empty). Returns false when it
/// is too short to be one.
bool parse_fixed_description(const uint8_t* table, size_t size, FixedDescription* result);

}  // namespace runtime
