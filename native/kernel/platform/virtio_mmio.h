// virtio devices that are not on a bus. Where they are, the kernel's command line tells, in the form that
// Linux gave it (virtio_mmio.device=SIZE@ADDRESS:LINE[:ID]; QEMU's microvm adds it by itself when it has
// no ACPI), or the DSDT.
#pragma once

#include <kernel_interface.h>
#include <stdint.h>

#include "boot/command_line.h"
#include "lib/result.h"

namespace runtime {

/// Remembers what the command line says. Once.
void virtio_mmio_initialise(const CommandLine& command_line);

/// How many of them answer as virtio devices.
uint32_t virtio_mmio_count();
/// Describes a device. Errors: NoDevice.
Result<RuntimePlatformDevice> virtio_mmio_device(uint32_t index);
/// Maps its registers, uncached, for good. Errors: NoDevice.
Result<RuntimeMemoryRange> virtio_mmio_map(uint32_t index);
/// Opens its interrupt line; returns the interrupt's id. Errors: NoDevice, NoDeviceOrAddress, NoSpace.
Result<uint32_t> virtio_mmio_interrupt(uint32_t index);
/// Resets a device. Returns whether it has finished; false when there is none.
bool virtio_mmio_stop(uint32_t index);
/// Resets every device that was used since the last call, so that it no longer touches memory.
void virtio_mmio_stop_all();

}  // namespace runtime
