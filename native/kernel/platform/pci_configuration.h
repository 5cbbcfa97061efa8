// PCI configuration space: how its registers are reached. Sources: PCI Local Bus 3.0, 3.2.2.3.2
// (configuration mechanism #1); PCI Firmware 3.3, 4.1.2 (MCFG); PCI Express Base 5.0, 7.2.2 (ECAM).
#pragma once

#include <stdint.h>

#include "lib/result.h"

namespace runtime {

struct PciAddress {
  uint16_t segment = 0;
  uint8_t bus = 0;
  uint8_t device = 0;    // 0 to 31
  uint8_t function = 0;  // 0 to 7
};

/// A root bus that the firmware tells of.
struct PciRoot {
  uint16_t segment;
  uint8_t first_bus;
  uint8_t last_bus;
};

constexpr unsigned kMaximumPciRoots = 8;

/// Finds out how configuration space is reached. Once, before the other functions. Returns how many
/// roots there are, 0 on a machine without PCI.
unsigned pci_configuration_initialise(PciRoot roots[kMaximumPciRoots]);

/// Makes the registers of a bus reachable. Errors: NoMemory.
Result<void> pci_open_bus(uint16_t segment, uint8_t bus);

/// True when there is such a register: `width` is 1, 2 or 4 and divides `offset`, which lies in the
/// 4096 bytes (256 through ports) of a function.
bool pci_register_exists(uint32_t offset, uint32_t width);

/// Reads a register that exists; all ones where nothing answers. Interrupt-safe.
uint32_t pci_configuration_read(const PciAddress& address, uint32_t offset, uint32_t width);
/// Writes a register that exists. Interrupt-safe.
void pci_configuration_write(const PciAddress& address, uint32_t offset, uint32_t width,
                             uint32_t value);

}  // namespace runtime
