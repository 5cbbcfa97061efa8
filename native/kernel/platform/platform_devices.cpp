#include "platform/platform_devices.h"

#include "arch/x86_64/ports.h"
#include "boot/screen.h"
#include "interrupts/device_interrupts.h"
#include "memory/address_space.h"
#include "platform/legacy_devices.h"
#include "platform/virtio_mmio.h"

namespace runtime {

namespace {

/// The legacy device behind an index, null when it is another kind or none.
LegacyDevice* find_legacy(uint32_t index) {
  const uint32_t before = virtio_mmio_count();
  return index < before ? nullptr : legacy_device(index - before);
}

}  // namespace

void platform_devices_initialise(const CommandLine& command_line,
                                 const BootFramebuffer& framebuffer) {
  virtio_mmio_initialise(command_line);
  legacy_devices_initialise(framebuffer);
}

uint32_t platform_device_count() { return virtio_mmio_count() + legacy_device_count(); }

Result<RuntimePlatformDevice> platform_device(uint32_t index) {
  if (index < virtio_mmio_count()) return virtio_mmio_device(index);
  const LegacyDevice* const device = find_legacy(index);
  if (!device) return Errno::NoDevice;
  RuntimePlatformDevice described;
  described.kind = device->kind;
  described.size = device->memory_size;
  return described;
}

Result<RuntimeMemoryRange> platform_device_map(uint32_t index) {
  if (index < virtio_mmio_count()) return virtio_mmio_map(index);
  LegacyDevice* const device = find_legacy(index);
  if (!device) return Errno::NoDevice;
  if (!device->memory_size) return Errno::NoDeviceOrAddress;
  screen_hand_over();  // both kinds that have memory are screens
  if (!device->mapped) {
    const Result<void*> mapped = map_device(PhysAddr(device->memory), device->memory_size);
    if (mapped.is_error()) return mapped.error();
    device->mapped = reinterpret_cast<uint64_t>(mapped.value());
  }
  RuntimeMemoryRange range;
  range.address = device->mapped;
  range.size = device->memory_size;
  return range;
}

Result<uint32_t> platform_device_interrupt(uint32_t index) {
  if (index < virtio_mmio_count()) return virtio_mmio_interrupt(index);
  const LegacyDevice* const device = find_legacy(index);
  if (!device) return Errno::NoDevice;
  if (device->interrupt == kNoLegacyInterrupt) return Errno::NoDeviceOrAddress;
  return open_line_interrupt(apic_line_of_legacy(device->interrupt));
}

uint32_t platform_device_ports(uint32_t index) {
  const LegacyDevice* const device = find_legacy(index);
  return device ? device->port_count : 0;
}

uint32_t platform_port_read(uint32_t index, uint32_t port) {
  const LegacyDevice* const device = find_legacy(index);
  return device && port < device->port_count ? in8(device->ports[port]) : UINT32_MAX;
}

Result<void> platform_port_write(uint32_t index, uint32_t port, uint32_t value) {
  const LegacyDevice* const device = find_legacy(index);
  if (!device) return Errno::NoDevice;
  if (port >= device->port_count) return Errno::Invalid;
  out8(device->ports[port], static_cast<uint8_t>(value));
  return {};
}

Result<RuntimeFramebuffer> platform_framebuffer(uint32_t index) {
  const LegacyDevice* const device = find_legacy(index);
  if (!device || device->kind != RUNTIME_PLATFORM_DEVICE_FRAMEBUFFER) return Errno::NoDevice;
  const BootFramebuffer& source = legacy_framebuffer();
  RuntimeFramebuffer framebuffer;
  framebuffer.width = source.width;
  framebuffer.height = source.height;
  framebuffer.pitch = source.pitch;
  framebuffer.bits_per_pixel = source.bits_per_pixel;
  framebuffer.red_position = source.red.position;
  framebuffer.red_size = source.red.size;
  framebuffer.green_position = source.green.position;
  framebuffer.green_size = source.green.size;
  framebuffer.blue_position = source.blue.position;
  framebuffer.blue_size = source.blue.size;
  return framebuffer;
}

bool platform_device_stop(uint32_t index) {
  return index < virtio_mmio_count() ? virtio_mmio_stop(index) : find_legacy(index) != nullptr;
}

void platform_devices_stop_all() { virtio_mmio_stop_all(); }

}  // namespace runtime
