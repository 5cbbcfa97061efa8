// Devices that are not on a bus which can be searched, in one numbered list: virtio over MMIO, then the
// legacy devices of a PC. The system isolate names them by their index, and never sees an address.
//
// The service calls these from one thread.
#pragma once

#include <kernel_interface.h>
#include <stdint.h>

#include "boot/boot_information.h"
#include "boot/command_line.h"
#include "lib/result.h"

namespace runtime {

/// Remembers what the command line and the boot loader say. Once.
void platform_devices_initialise(const CommandLine& command_line,
                                 const BootFramebuffer& framebuffer);

/// How many there are; looks for them, once.
uint32_t platform_device_count();
/// Describes a device. Errors: NoDevice.
Result<RuntimePlatformDevice> platform_device(uint32_t index);
/// Maps its memory, uncached, for good. Errors: NoDevice, NoDeviceOrAddress (it has none), NoMemory.
Result<RuntimeMemoryRange> platform_device_map(uint32_t index);
/// Opens its interrupt line; returns the interrupt's id. Errors: NoDevice, NoDeviceOrAddress, NoSpace.
Result<uint32_t> platform_device_interrupt(uint32_t index);
/// How many byte-wide I/O ports it has; 0 when there is no such device.
uint32_t platform_device_ports(uint32_t index);
/// Reads one of its ports; all ones when there is no such port.
uint32_t platform_port_read(uint32_t index, uint32_t port);
/// Writes one of its ports. Errors: NoDevice, Invalid (no such port).
Result<void> platform_port_write(uint32_t index, uint32_t port, uint32_t value);
/// How a framebuffer is laid out. Errors: NoDevice (the device is none).
Result<RuntimeFramebuffer> platform_framebuffer(uint32_t index);
/// Sees to it that a device writes to no memory: resets one of virtio over MMIO; the others never do. Returns whether
/// it is quiet: false when it does not finish its reset, or there is none.
bool platform_device_stop(uint32_t index);
/// Resets every device that was used since the last call, so that it no longer touches memory.
void platform_devices_stop_all();

}  // namespace runtime
