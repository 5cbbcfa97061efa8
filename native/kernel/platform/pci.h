// PCI functions for the system isolate: which there are, where their registers are, and what a driver
// may do with them. Functions are named by their index in the order of their addresses.
//
// The service calls these for a function from one thread: its own, or that of the isolate whose driver
// the function is for.
#pragma once

#include <kernel_interface.h>
#include <stdint.h>

#include "lib/result.h"
#include "platform/pci_configuration.h"

namespace runtime {

constexpr uint32_t kPciBars = 6;

/// Searches the buses, once, and returns how many functions answer.
uint32_t pci_function_count();
/// How many the search has found, 0 while nobody has asked for it. From any thread; takes no lock.
uint32_t pci_known_functions();
/// Where a function is. Errors: NoDevice.
Result<PciAddress> pci_function_address(uint32_t function);

/// Reads configuration space; all ones where there is nothing.
uint32_t pci_read(uint32_t function, uint32_t offset, uint32_t width);
/// Writes configuration space. Errors: NoDevice, Invalid (no such register), Perm (the register would
/// move the function, or for a bridge what is behind it, away from where the kernel has placed it).
Result<void> pci_write(uint32_t function, uint32_t offset, uint32_t width, uint32_t value);

/// What is behind a base address register. Errors: NoDevice, Invalid (no such register).
Result<RuntimePciBar> pci_bar(uint32_t function, uint32_t bar);
/// Maps the registers behind a base address register, uncached, for good. Errors: NoDevice, Invalid,
/// NoDeviceOrAddress (no memory behind it, or it has no address), NoMemory.
Result<RuntimeMemoryRange> pci_map(uint32_t function, uint32_t bar);
/// Reads a register in I/O port space; all ones where there is none.
uint32_t pci_port_read(uint32_t function, uint32_t bar, uint32_t offset, uint32_t width);
/// Writes a register in I/O port space. Errors: NoDevice, Invalid (outside the range),
/// NoDeviceOrAddress (no ports behind it).
Result<void> pci_port_write(uint32_t function, uint32_t bar, uint32_t offset, uint32_t width,
                            uint32_t value);

/// Opens an interrupt by message. Errors: NoDevice, NoSpace.
Result<RuntimeMessageInterrupt> pci_open_message_interrupt(uint32_t function);
/// Opens a function's interrupt line; returns the interrupt's id. Errors: NoDevice, NoDeviceOrAddress
/// (it has none), NoSpace.
Result<uint32_t> pci_open_line_interrupt(uint32_t function);

/// Compares the lines that were opened before the interrupt routes were known with them, and moves those
/// that are connected elsewhere. Once, when acpi_interrupt_routing_is_read().
void pci_check_line_interrupts();

/// Stops every function that was used since the last call: it no longer writes to memory and raises no
/// interrupt, whatever its driver had told it.
void pci_stop_all();
/// The same for one function, whether or not it was used; waits, a tenth of a second at most, until what
/// it has under way is done. Returns false when it still is not, or there is no such function.
bool pci_stop(uint32_t function);
/// Keeps a function from interrupting by line, or lets it again. Interrupt-safe.
void pci_quiet_line(uint32_t function, bool is_quiet);
/// Keeps a function from sending messages. Interrupt-safe.
void pci_silence(uint32_t function);

}  // namespace runtime
