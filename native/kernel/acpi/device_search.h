// Devices that only the DSDT's byte code tells of.
//
// A stopgap until ACPICA interprets the byte code, as sleep_package.h is: it looks for the forms that
// hypervisors write, as bytes, and evaluates nothing. Who describes the devices in another way needs
// the kernel's command line (virtio_mmio.device=) or table MCFG.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace runtime {

/// A virtio device over MMIO.
struct VirtioMmioDescription {
  uint64_t address = 0;  // physical, of its registers
  uint64_t size = 0;     // bytes of registers
  uint32_t line = 0;     // interrupt line (ACPI's global system interrupt)
  bool is_active_low = false;
};

/// Finds devices with the hardware id "LNRO0005", each with its `Memory32Fixed` and `Interrupt`
/// resources (ACPI 6.5, 6.4.3.4 and 6.4.3.6). Never reads outside the `size` bytes. Returns how many
/// were found, at most `capacity`.
size_t find_virtio_mmio_devices(const uint8_t* aml, size_t size, VirtioMmioDescription* into,
                                size_t capacity);

/// Finds a host bridge's configuration base, `Method (_CBA) { Return (number) }` or `Name (_CBA,
/// number)` (PCI Firmware 3.3, 4.1.3). Returns false when there is none of that form.
bool find_configuration_base(const uint8_t* aml, size_t size, uint64_t* address);

/// Finds where a hypervisor keeps the machine's generation, 16 bytes that differ after each resume from a
/// saved state ("Virtual Machine Generation ID", Microsoft 2018): in a table with the id "VM_Gen_Counter",
/// QEMU's `Name (VGIA, number)`, 40 bytes before it, or `Name (ADDR, Package (2) { low, high })`.
bool find_generation_address(const uint8_t* aml, size_t size, uint64_t* address);

}  // namespace runtime
