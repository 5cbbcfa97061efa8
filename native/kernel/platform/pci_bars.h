// Base address registers: what they ask for, and addresses for those that the firmware has left
// without. Source: PCI Local Bus 3.0, 6.2.5.1.
#pragma once

#include <stdint.h>

#include "lib/vector.h"
#include "platform/pci_configuration.h"

namespace runtime {

/// What a base address register decodes.
struct PciBar {
  uint32_t kind = 0;  // RUNTIME_BAR_*
  bool is_64_bit = false;
  uint64_t size = 0;
  uint64_t address = 0;  // 0: none yet
  uint64_t mapped = 0;   // where pci_map put it; 0: not yet
};

/// A PCI function.
struct PciFunction {
  PciAddress address;
  uint8_t header_type = 0;  // 0: device, 1: bridge
  bool is_sized = false;    // its registers are described
  bool is_placed = false;   // those that had no address have one, where there was room
  bool is_used = false;     // by a driver, since functions were last stopped
  bool is_quiet = false;    // kept from interrupting by line, whatever its driver writes
  PciBar bars[6];
};

/// Registers of the header that all share (PCI Local Bus 3.0, 6.1).
constexpr uint32_t kPciVendor = 0x00;
constexpr uint32_t kPciCommand = 0x04;
constexpr uint32_t kPciStatus = 0x06;
constexpr uint32_t kPciHeaderType = 0x0e;
constexpr uint32_t kPciBar0 = 0x10;
constexpr uint32_t kPciCapabilities = 0x34;
constexpr uint32_t kPciInterruptLine = 0x3c;
constexpr uint32_t kPciInterruptPin = 0x3d;

constexpr uint32_t kPciCommandPorts = 1 << 0;
constexpr uint32_t kPciCommandMemory = 1 << 1;
constexpr uint32_t kPciCommandBusMaster = 1 << 2;
constexpr uint32_t kPciCommandNoLine = 1 << 10;

/// Finds out, once, what a function's base address registers ask for. It must not be in use: it does
/// not decode for a moment.
void pci_size_bars(PciFunction* function);
/// Gives addresses to the registers of `function` that have none, where no other function's registers
/// and no memory are.
void pci_assign_bars(PciFunction* function, Vector<PciFunction>* all);

}  // namespace runtime
