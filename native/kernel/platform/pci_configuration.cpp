#include "platform/pci_configuration.h"

#include "acpi/device_search.h"
#include "acpi/tables.h"
#include "arch/x86_64/ports.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/vector.h"
#include "memory/address_space.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

constexpr uint16_t kAddressPort = 0xcf8;
constexpr uint16_t kDataPort = 0xcfc;
constexpr uint32_t kEnable = 1u << 31;
constexpr uint32_t kPortSpace = 256;
constexpr uint32_t kFunctionSpace = 4096;
constexpr uint64_t kBusSpace = 1 << 20;  // 256 functions of 4 KiB
constexpr size_t kMcfgEntries = 44;      // offset of the first entry
constexpr size_t kMcfgEntrySize = 16;

/// A range of buses whose registers lie in memory.
struct Ecam {
  uint64_t address;  // of bus 0, whether the range has it or not
  PciRoot root;
};

/// The registers of one bus.
struct MappedBus {
  uint16_t segment;
  uint8_t bus;
  volatile uint8_t* registers;
};

Ecam ecams[kMaximumPciRoots];
unsigned ecam_count = 0;
Vector<MappedBus> buses;  // only grows, and only during the search
bool has_ports = false;
SpinLock port_lock(LockRank::Device);  // address and data port go together

volatile uint8_t* registers_of(const PciAddress& address, uint32_t offset) {
  for (const MappedBus& bus : buses)
    if (bus.bus == address.bus && bus.segment == address.segment)
      return bus.registers + (static_cast<uint32_t>(address.device) << 15 |
                              static_cast<uint32_t>(address.function) << 12 | offset);
  return nullptr;
}

bool is_reached_by_ports(const PciAddress& address, uint32_t offset) {
  return has_ports && address.segment == 0 && offset < kPortSpace;
}

void select(const PciAddress& address, uint32_t offset) {
  out32(kAddressPort, kEnable | static_cast<uint32_t>(address.bus) << 16 |
                          static_cast<uint32_t>(address.device) << 11 |
                          static_cast<uint32_t>(address.function) << 8 | (offset & 0xfc));
}

/// The address register keeps what is written, where there is one.
bool find_ports() {
  SpinGuard guard(port_lock);
  const uint32_t before = in32(kAddressPort);
  out32(kAddressPort, kEnable);
  const bool found = in32(kAddressPort) == kEnable;
  out32(kAddressPort, before);
  return found;
}

void read_mcfg() {
  const uint8_t* table = nullptr;
  size_t size = 0;
  if (!acpi_find_table("MCFG", &table, &size)) return;
  for (size_t at = kMcfgEntries; at + kMcfgEntrySize <= size && ecam_count < kMaximumPciRoots;
       at += kMcfgEntrySize) {
    Ecam ecam;
    memcpy(&ecam.address, table + at, sizeof(ecam.address));
    memcpy(&ecam.root.segment, table + at + 8, sizeof(ecam.root.segment));
    ecam.root.first_bus = table[at + 10];
    ecam.root.last_bus = table[at + 11];
    if (ecam.address == 0 || ecam.address % kBusSpace != 0 ||
        ecam.root.last_bus < ecam.root.first_bus) {
      log(LogLevel::Warn, "ACPI: an entry of table MCFG makes no sense and is ignored");
      continue;
    }
    ecams[ecam_count++] = ecam;
  }
}

/// Machines without the firmware that writes table MCFG tell of one root in the DSDT.
void read_byte_code() {
  const uint8_t* aml;
  size_t size;
  uint64_t address;
  if (!acpi_find_byte_code(&aml, &size) || !find_configuration_base(aml, size, &address)) return;
  if (address != 0 && address % kBusSpace == 0) ecams[ecam_count++] = {address, {0, 0, 255}};
}

}  // namespace

unsigned pci_configuration_initialise(PciRoot roots[kMaximumPciRoots]) {
  read_mcfg();
  if (ecam_count == 0) read_byte_code();
  has_ports = find_ports();
  unsigned count = 0;
  for (unsigned i = 0; i < ecam_count; ++i) roots[count++] = ecams[i].root;
  if (count == 0 && has_ports) roots[count++] = {0, 0, 255};
  return count;
}

Result<void> pci_open_bus(uint16_t segment, uint8_t bus) {
  for (const MappedBus& mapped : buses)
    if (mapped.segment == segment && mapped.bus == bus) return {};
  for (unsigned i = 0; i < ecam_count; ++i) {
    const Ecam& ecam = ecams[i];
    if (ecam.root.segment != segment || bus < ecam.root.first_bus || bus > ecam.root.last_bus)
      continue;
    Result<void*> registers = map_device(PhysAddr(ecam.address + bus * kBusSpace), kBusSpace);
    if (registers.is_error()) return registers.error();
    return buses.push({segment, bus, static_cast<volatile uint8_t*>(registers.value())});
  }
  return {};  // by ports, or nothing will answer
}

bool pci_register_exists(uint32_t offset, uint32_t width) {
  const bool is_width = width == 1 || width == 2 || width == 4;
  return is_width && offset % width == 0 && offset < kFunctionSpace;
}

uint32_t pci_configuration_read(const PciAddress& address, uint32_t offset, uint32_t width) {
  volatile uint8_t* const mapped = registers_of(address, offset);
  if (mapped) {
    if (width == 1) return *mapped;
    if (width == 2) return *reinterpret_cast<volatile uint16_t*>(mapped);
    return *reinterpret_cast<volatile uint32_t*>(mapped);
  }
  if (!is_reached_by_ports(address, offset)) return UINT32_MAX >> (32 - 8 * width);
  SpinGuard guard(port_lock);
  select(address, offset);
  const uint16_t port = static_cast<uint16_t>(kDataPort + (offset & 3));
  if (width == 1) return in8(port);
  return width == 2 ? in16(port) : in32(port);
}

void pci_configuration_write(const PciAddress& address, uint32_t offset, uint32_t width,
                             uint32_t value) {
  volatile uint8_t* const mapped = registers_of(address, offset);
  if (mapped) {
    if (width == 1)
      *mapped = static_cast<uint8_t>(value);
    else if (width == 2)
      *reinterpret_cast<volatile uint16_t*>(mapped) = static_cast<uint16_t>(value);
    else
      *reinterpret_cast<volatile uint32_t*>(mapped) = value;
    return;
  }
  if (!is_reached_by_ports(address, offset)) return;
  SpinGuard guard(port_lock);
  select(address, offset);
  const uint16_t port = static_cast<uint16_t>(kDataPort + (offset & 3));
  if (width == 1)
    out8(port, static_cast<uint8_t>(value));
  else if (width == 2)
    out16(port, static_cast<uint16_t>(value));
  else
    out32(port, value);
}

}  // namespace runtime
