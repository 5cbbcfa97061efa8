// ACPICA's host layer: heap, physical memory, I/O ports, PCI configuration space.
#include "acpi/fixed_button.h"
#include "acpi/host.h"
#include "acpi/view.h"
#include "arch/x86_64/ports.h"
#include "lib/format.h"
#include "lib/new.h"
#include "lib/string.h"
#include "lib/types.h"
#include "platform/pci.h"

namespace runtime {

namespace {

/// Byte code that asks for more is refused: it would take the memory from the app. A real machine's
/// namespace takes far less than one MiB.
constexpr uint64_t kHeapLimit = 16 * 1024 * 1024;

/// Stands before each block; keeps what follows it aligned.
struct BlockHeader {
  uint64_t size;
  uint64_t unused;
};

uint64_t heap_bytes = 0;
bool has_said_limit = false;

bool charge(uint64_t size) {
  if (__atomic_add_fetch(&heap_bytes, size, __ATOMIC_RELAXED) <= kHeapLimit) return true;
  __atomic_sub_fetch(&heap_bytes, size, __ATOMIC_RELAXED);
  if (!__atomic_exchange_n(&has_said_limit, true, __ATOMIC_RELAXED))
    log(LogLevel::Warn, "ACPI: the firmware's byte code asks for more than %llu MiB of memory",
        static_cast<unsigned long long>(kHeapLimit >> 20));
  return false;
}

/// The value of `width` bits at a mapped address.
uint64_t load(const volatile uint8_t* at, uint32_t width) {
  switch (width) {
    case 8:
      return *at;
    case 16:
      return *reinterpret_cast<const volatile uint16_t*>(at);
    case 32:
      return *reinterpret_cast<const volatile uint32_t*>(at);
    default:
      return *reinterpret_cast<const volatile uint64_t*>(at);
  }
}

void store(volatile uint8_t* at, uint64_t value, uint32_t width) {
  switch (width) {
    case 8:
      *at = static_cast<uint8_t>(value);
      break;
    case 16:
      *reinterpret_cast<volatile uint16_t*>(at) = static_cast<uint16_t>(value);
      break;
    case 32:
      *reinterpret_cast<volatile uint32_t*>(at) = static_cast<uint32_t>(value);
      break;
    default:
      *reinterpret_cast<volatile uint64_t*>(at) = value;
      break;
  }
}

bool is_width(uint32_t width) { return width == 8 || width == 16 || width == 32 || width == 64; }

PciAddress address_of(const acpi_pci_id& id) {
  PciAddress address;
  address.segment = id.segment;
  address.bus = static_cast<uint8_t>(id.bus);
  address.device = static_cast<uint8_t>(id.device);
  address.function = static_cast<uint8_t>(id.function);
  return address;
}

/// Whether `id` and the register are ones that the platform's functions may be asked for.
acpi_status check_register(const acpi_pci_id* id, uint32_t offset, uint32_t width) {
  if (!id || id->bus > 255 || id->device > 31 || id->function > 7) return AE_BAD_PARAMETER;
  if (width == 64) return AE_SUPPORT;  // no such access on the bus
  return pci_register_exists(offset, width / 8) ? AE_OK : AE_BAD_PARAMETER;
}

}  // namespace

}  // namespace runtime

void* acpi_os_allocate(acpi_size size) {
  using namespace runtime;
  if (size > kHeapLimit || !charge(size)) return nullptr;
  BlockHeader* const block = static_cast<BlockHeader*>(allocate(sizeof(BlockHeader) + size));
  if (!block) {
    __atomic_sub_fetch(&heap_bytes, size, __ATOMIC_RELAXED);
    return nullptr;
  }
  block->size = size;
  return block + 1;
}

void acpi_os_free(void* memory) {
  using namespace runtime;
  if (!memory) return;
  BlockHeader* const block = static_cast<BlockHeader*>(memory) - 1;
  __atomic_sub_fetch(&heap_bytes, block->size, __ATOMIC_RELAXED);
  deallocate(block);
}

void* acpi_os_map_memory(acpi_physical_address address, acpi_size size) {
  return const_cast<uint8_t*>(runtime::view_firmware(runtime::PhysAddr(address), size));
}

/// Views are shared and stay: there are few, and the same ones again and again.
void acpi_os_unmap_memory(void*, acpi_size) {}

acpi_status acpi_os_read_memory(acpi_physical_address address, u64* value, u32 width) {
  if (!runtime::is_width(width)) return AE_BAD_PARAMETER;
  const uint8_t* const at = runtime::view_firmware(runtime::PhysAddr(address), width / 8);
  if (!at) return AE_NO_MEMORY;
  *value = runtime::load(at, width);
  return AE_OK;
}

acpi_status acpi_os_write_memory(acpi_physical_address address, u64 value, u32 width) {
  if (!runtime::is_width(width)) return AE_BAD_PARAMETER;
  const uint8_t* const at = runtime::view_firmware(runtime::PhysAddr(address), width / 8);
  if (!at) return AE_NO_MEMORY;
  runtime::store(const_cast<uint8_t*>(at), value, width);
  return AE_OK;
}

acpi_status acpi_os_read_port(acpi_io_address address, u32* value, u32 width) {
  using namespace runtime;
  if (address > UINT16_MAX) return AE_BAD_PARAMETER;
  const uint16_t port = static_cast<uint16_t>(address);
  switch (width) {
    case 8:
      *value = in8(port);
      return AE_OK;
    case 16:
      *value = in16(port);
      return AE_OK;
    case 32:
      *value = in32(port);
      return AE_OK;
    default:
      return AE_BAD_PARAMETER;
  }
}

acpi_status acpi_os_write_port(acpi_io_address address, u32 value, u32 width) {
  using namespace runtime;
  if (address > UINT16_MAX) return AE_BAD_PARAMETER;
  const uint16_t port = static_cast<uint16_t>(address);
  switch (width) {
    case 8:
      out8(port, static_cast<uint8_t>(value));
      return AE_OK;
    case 16:
      out16(port, static_cast<uint16_t>(fixed_button_kept_enabled(port, value)));
      return AE_OK;
    case 32:
      out32(port, value);
      return AE_OK;
    default:
      return AE_BAD_PARAMETER;
  }
}

acpi_status acpi_os_read_pci_configuration(struct acpi_pci_id* id, u32 offset, u64* value,
                                           u32 width) {
  using namespace runtime;
  const acpi_status status = check_register(id, offset, width);
  if (status != AE_OK) return status;
  *value = pci_configuration_read(address_of(*id), offset, width / 8);
  return AE_OK;
}

acpi_status acpi_os_write_pci_configuration(struct acpi_pci_id* id, u32 offset, u64 value,
                                            u32 width) {
  using namespace runtime;
  const acpi_status status = check_register(id, offset, width);
  if (status != AE_OK) return status;
  pci_configuration_write(address_of(*id), offset, width / 8, static_cast<uint32_t>(value));
  return AE_OK;
}
