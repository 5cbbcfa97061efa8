// Source: virtio 1.2, 4.2.2 (MMIO register layout).
#include "platform/virtio_mmio.h"

#include "acpi/device_search.h"
#include "acpi/tables.h"
#include "interrupts/device_interrupts.h"
#include "lib/format.h"
#include "lib/types.h"
#include "lib/vector.h"
#include "memory/address_space.h"
#include "time/clock.h"

namespace runtime {

namespace {

constexpr uint64_t kMagicRegister = 0x000;
constexpr uint64_t kDeviceRegister = 0x008;
constexpr uint64_t kStatusRegister = 0x070;
constexpr uint64_t kSmallestSize = 0x100;
constexpr uint32_t kMagic = 0x74726976;  // "virt"

constexpr size_t kMaximumDescribed = 64;
constexpr uint64_t kStopPatience = 100 * kNanosecondsPerMillisecond;

struct Device {
  uint64_t address;
  uint8_t* registers;
  uint64_t size;
  InterruptLine line;
  bool is_used;
};

const CommandLine* options = nullptr;
Vector<Device> devices;
bool is_searched = false;

volatile uint32_t* register_of(uint8_t* registers, uint64_t offset) {
  return reinterpret_cast<volatile uint32_t*>(registers + offset);
}

void probe(const VirtioMmioDescription& described) {
  if (described.size < kSmallestSize || described.address % 4 != 0) return;
  for (const Device& known : devices)
    if (known.address == described.address) return;
  Result<void*> mapped = map_device(PhysAddr(described.address), described.size);
  if (mapped.is_error()) return;
  uint8_t* const registers = static_cast<uint8_t*>(mapped.value());
  if (*register_of(registers, kMagicRegister) != kMagic) {
    log(LogLevel::Warn, "there is no virtio device at 0x%llx, where one was to be",
        static_cast<unsigned long long>(described.address));
    return;
  }
  if (*register_of(registers, kDeviceRegister) == 0) return;  // an empty place
  const InterruptLine line = {described.line, described.is_active_low, false};
  (void)devices.push({described.address, registers, described.size, line, false}).is_error();
}

void probe_options() {
  for (size_t i = 0; options && i < options->virtio_mmio_count; ++i) {
    VirtioMmioDescription described;
    described.address = options->virtio_mmio[i].address;
    described.size = options->virtio_mmio[i].size;
    described.line = options->virtio_mmio[i].line;
    probe(described);
  }
}

void probe_described() {
  const uint8_t* aml;
  size_t size;
  if (!acpi_find_byte_code(&aml, &size)) return;
  VirtioMmioDescription described[kMaximumDescribed];
  const size_t count = find_virtio_mmio_devices(aml, size, described, kMaximumDescribed);
  for (size_t i = 0; i < count; ++i) probe(described[i]);
}

Device* find(uint32_t index) { return index < devices.size() ? &devices[index] : nullptr; }

}  // namespace

void virtio_mmio_initialise(const CommandLine& command_line) { options = &command_line; }

uint32_t virtio_mmio_count() {
  if (!is_searched) {
    probe_options();
    probe_described();
  }
  is_searched = true;
  return static_cast<uint32_t>(devices.size());
}

Result<RuntimePlatformDevice> virtio_mmio_device(uint32_t index) {
  const Device* const device = find(index);
  if (!device) return Errno::NoDevice;
  RuntimePlatformDevice described;
  described.kind = RUNTIME_PLATFORM_DEVICE_VIRTIO_MMIO;
  described.size = device->size;
  return described;
}

Result<RuntimeMemoryRange> virtio_mmio_map(uint32_t index) {
  Device* const device = find(index);
  if (!device) return Errno::NoDevice;
  device->is_used = true;
  RuntimeMemoryRange range;
  range.address = reinterpret_cast<uint64_t>(device->registers);
  range.size = device->size;
  return range;
}

Result<uint32_t> virtio_mmio_interrupt(uint32_t index) {
  const Device* const device = find(index);
  if (!device) return Errno::NoDevice;
  return open_line_interrupt(device->line);
}

bool virtio_mmio_stop(uint32_t index) {
  Device* const device = find(index);
  if (!device) return false;
  device->is_used = false;
  volatile uint32_t* const status = register_of(device->registers, kStatusRegister);
  *status = 0;
  // 2.4.2: it has finished when the status reads as 0.
  const uint64_t end = monotonic_nanoseconds() + kStopPatience;
  while (*status != 0)
    if (monotonic_nanoseconds() >= end) return false;
  return true;
}

void virtio_mmio_stop_all() {
  for (Device& device : devices) {
    if (device.is_used) *register_of(device.registers, kStatusRegister) = 0;
    device.is_used = false;
  }
}

}  // namespace runtime
