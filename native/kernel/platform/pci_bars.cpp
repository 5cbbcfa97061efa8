#include "platform/pci_bars.h"

#include <kernel_interface.h>

#include "lib/format.h"
#include "lib/types.h"
#include "memory/physical.h"

namespace runtime {

namespace {

constexpr uint32_t kPortBit = 1;
constexpr uint32_t kTypeMask = 6;
constexpr uint32_t kType64Bit = 4;
constexpr uint32_t kPortFlags = 3;
constexpr uint32_t kMemoryFlags = 0xf;

// Where addresses may be given away when no firmware has: above all memory below 4 GiB that PC
// chipsets have, below the I/O APIC.
constexpr uint64_t kMemoryWindowStart = 0xc0000000;
constexpr uint64_t kMemoryWindowEnd = 0xfe000000;
constexpr uint64_t kEcamStart =
    0xe0000000;  // where firmware-less machines have configuration space
constexpr uint64_t kEcamEnd = 0xf0000000;
constexpr uint64_t kPortWindowStart = 0xc000;
constexpr uint64_t kPortWindowEnd = 0x10000;

/// Memory of more than 3 GiB may reach into the window's first part.
uint64_t memory_window_start() {
  return physical_memory_size() > kMemoryWindowStart ? kEcamEnd : kMemoryWindowStart;
}

uint32_t read_bar(const PciFunction& function, unsigned index) {
  return pci_configuration_read(function.address, kPciBar0 + index * 4, 4);
}
void write_bar(const PciFunction& function, unsigned index, uint32_t value) {
  pci_configuration_write(function.address, kPciBar0 + index * 4, 4, value);
}

/// Writes ones and reads back which bits stick.
uint32_t probe_bar(const PciFunction& function, unsigned index) {
  const uint32_t before = read_bar(function, index);
  write_bar(function, index, UINT32_MAX);
  const uint32_t mask = read_bar(function, index);
  write_bar(function, index, before);
  return mask;
}

unsigned bar_count(const PciFunction& function) { return function.header_type == 1 ? 2 : 6; }

/// Describes register `index`; returns how many registers it takes up.
unsigned size_bar(PciFunction* function, unsigned index) {
  const uint32_t low = read_bar(*function, index);
  const uint32_t mask = probe_bar(*function, index);
  PciBar& bar = function->bars[index];
  if (low & kPortBit) {
    if ((mask & ~kPortFlags) == 0) return 1;
    bar.kind = RUNTIME_BAR_PORTS;
    bar.address = low & ~kPortFlags & 0xffff;
    // The upper half of the mask may be missing: there are 64 Ki ports.
    bar.size = (~(mask & ~kPortFlags) & 0xffff) + 1;
    return 1;
  }
  const bool is_64_bit = (low & kTypeMask) == kType64Bit && index + 1 < bar_count(*function);
  uint64_t size_mask = mask & ~kMemoryFlags;
  uint64_t address = low & ~kMemoryFlags;
  if (is_64_bit) {
    address |= static_cast<uint64_t>(read_bar(*function, index + 1)) << 32;
    size_mask |= static_cast<uint64_t>(probe_bar(*function, index + 1)) << 32;
  } else if (size_mask) {
    size_mask |= 0xffffffff00000000ull;
  }
  if (size_mask) {
    bar.kind = RUNTIME_BAR_MEMORY;
    bar.is_64_bit = is_64_bit;
    bar.address = address;
    bar.size = ~size_mask + 1;
  }
  return is_64_bit ? 2 : 1;
}

bool overlaps(uint64_t start, uint64_t size, uint64_t other, uint64_t other_size) {
  return start < other + other_size && other < start + size;
}

/// The first place in [start, end) where no register of that kind is; 0 when there is none.
uint64_t find_place(uint64_t start, uint64_t end, uint64_t size, uint32_t kind,
                    const Vector<PciFunction>& all) {
  uint64_t at = align_up(start, size);
  while (at + size <= end) {
    uint64_t blocked_until = 0;
    if (kind == RUNTIME_BAR_MEMORY && overlaps(at, size, kEcamStart, kEcamEnd - kEcamStart))
      blocked_until = kEcamEnd;
    for (const PciFunction& function : all)
      for (const PciBar& bar : function.bars)
        if (bar.kind == kind && bar.address && overlaps(at, size, bar.address, bar.size))
          blocked_until = bar.address + bar.size;
    if (!blocked_until) return at;
    at = align_up(blocked_until, size);
  }
  return 0;
}

}  // namespace

void pci_size_bars(PciFunction* function) {
  if (function->is_sized) return;
  function->is_sized = true;
  if (function->header_type > 1) return;
  const PciAddress& address = function->address;
  const uint32_t command = pci_configuration_read(address, kPciCommand, 2);
  pci_configuration_write(address, kPciCommand, 2,
                          command & ~(kPciCommandPorts | kPciCommandMemory));
  for (unsigned index = 0; index < bar_count(*function);) index += size_bar(function, index);
  pci_configuration_write(address, kPciCommand, 2, command);
}

void pci_assign_bars(PciFunction* function, Vector<PciFunction>* all) {
  bool is_complete = true;
  for (const PciBar& bar : function->bars) is_complete &= bar.kind == 0 || bar.address != 0;
  if (is_complete) return;
  for (PciFunction& other : *all) pci_size_bars(&other);
  for (unsigned index = 0; index < bar_count(*function); ++index) {
    PciBar& bar = function->bars[index];
    if (bar.kind == 0 || bar.address != 0) continue;
    const bool is_memory = bar.kind == RUNTIME_BAR_MEMORY;
    const uint64_t start = is_memory ? memory_window_start() : kPortWindowStart;
    const uint64_t end = is_memory ? kMemoryWindowEnd : kPortWindowEnd;
    const uint64_t place = find_place(start, end, bar.size, bar.kind, *all);
    if (!place) {
      log(LogLevel::Warn, "PCI %02x:%02x.%x: there is no room for base address register %u",
          function->address.bus, function->address.device, function->address.function, index);
      continue;
    }
    bar.address = place;
    write_bar(*function, index, static_cast<uint32_t>(place));
    if (bar.is_64_bit) write_bar(*function, index + 1, 0);
  }
}

}  // namespace runtime
