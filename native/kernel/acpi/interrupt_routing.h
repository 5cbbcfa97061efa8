// Which interrupt line a PCI device's pin is connected to, as the firmware's byte code has it (_PRT, and
// link devices, whose connection can be chosen).
#pragma once

#include "interrupts/apic.h"
#include "platform/pci_configuration.h"

namespace runtime {

/// Reads all routing tables, once, from ACPICA's thread.
void acpi_read_interrupt_routing();
/// True when they are read: before, acpi_find_interrupt_line finds nothing.
bool acpi_interrupt_routing_is_read();

/// Finds the line of a function's interrupt pin (1 to 4: INTA to INTD); connects it when it is not yet.
/// Functions behind bridges without a table of their own use the bridge's pins (PCI-to-PCI Bridge 1.2,
/// 9.1). Returns false when the byte code says nothing of it. From a thread that holds no lock.
bool acpi_find_interrupt_line(const PciAddress& address, unsigned pin, InterruptLine* line);

}  // namespace runtime
