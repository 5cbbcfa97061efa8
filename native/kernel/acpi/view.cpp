#include "acpi/view.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpuid.h"
#include "memory/address_space.h"
#include "memory/frames.h"
#include "memory/physical.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

constexpr size_t kLargestView = 16 * 1024 * 1024;
constexpr unsigned kMaximumViews = 64;

/// Pages outside the memory that the direct map covers.
struct View {
  uint64_t start;
  uint64_t end;
  const uint8_t* mapped;
};

struct Views {
  View entries[kMaximumViews];
  unsigned count = 0;
};
Locked<Views> views(LockRank::Device);

/// How many bits a physical address has (SDM volume 2A, CPUID); page tables take no more.
unsigned physical_address_bits() {
  static unsigned bits = 0;  // asking a CPU that is virtual takes long
  if (bits == 0) {
    const uint32_t reported = cpuid_word(0x80000008, 0, CpuidRegister::Eax) & 0xff;
    bits = reported >= 32 && reported <= 52 ? reported : 36;
  }
  return bits;
}

const uint8_t* find(uint64_t address, size_t size) {
  return views.with([=](Views& known) -> const uint8_t* {
    for (unsigned i = 0; i < known.count; ++i) {
      const View& view = known.entries[i];
      if (address >= view.start && address + size <= view.end)
        return view.mapped + (address - view.start);
    }
    return nullptr;
  });
}

}  // namespace

const uint8_t* view_firmware(PhysAddr address, size_t size) {
  const uint64_t limit = 1ull << physical_address_bits();
  if (size > kLargestView || address.value >= limit || limit - address.value < size) return nullptr;
  const uint64_t end = address.value + size;
  if (end <= physical_memory_size()) return static_cast<const uint8_t*>(phys_to_virt(address));
  if (const uint8_t* known = find(address.value, size)) return known;
  // Mapping takes locks that come before the caller's.
  if (!this_cpu().held_locks.is_empty()) return nullptr;
  View view;
  view.start = align_down(address.value, kPageSize);
  view.end = align_up(end, kPageSize);
  Result<void*> mapped = map_device(PhysAddr(view.start), view.end - view.start);
  if (mapped.is_error()) return nullptr;
  view.mapped = static_cast<const uint8_t*>(mapped.value());
  // Byte code may name ever new addresses, whose mappings would take ever more memory.
  const bool has_room = views.with([&view](Views& known) {
    if (known.count == kMaximumViews) return false;
    known.entries[known.count++] = view;
    return true;
  });
  return has_room ? view.mapped + (address.value - view.start) : nullptr;
}

}  // namespace runtime
