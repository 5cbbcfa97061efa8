#include "broker/arena_pages.h"

#include "memory/address_space.h"
#include "memory/frames.h"
#include "memory/kernel_map.h"

namespace runtime {

namespace {

/// What /proc/self/maps calls the arena's area; the kernel installs its pages itself, so a fault only
/// comes for a page that has none, and ends as SIGBUS.
class ArenaObject : public Mappable {
 public:
  Result<PhysAddr> map_page(uint64_t, bool) override { return Errno::Range; }
};

constexpr uint32_t kPagesAtOnce = 64;

uint64_t preferred_address = 0;

unsigned order_for(uint32_t pages) { return 31 - static_cast<unsigned>(__builtin_clz(pages)); }

}  // namespace

void prefer_arena_address(uint64_t address) { preferred_address = address; }

Result<uint64_t> reserve_arena(uint64_t size) {
  RefPtr<ArenaObject> object = RefPtr<ArenaObject>::adopt(new ArenaObject());
  if (!object) return Errno::NoMemory;
  MapRequest request;
  request.size = size;
  request.protection = kProtectionRead | kProtectionWrite;
  request.is_shared = true;
  request.object = object;
  request.name = AreaName::Arena;
  request.address = preferred_address;
  return AddressSpace::map(move(request));
}

Result<PhysAddr> map_arena_pages(uint64_t address, uint32_t pages, bool contiguous) {
  if (!contiguous) {
    // In steps: interrupts are off while a run of pages is zeroed and mapped.
    for (uint32_t done = 0; done < pages; done += kPagesAtOnce) {
      Result<void> mapped =
          map_kernel_pages(address + done * kPageSize, min_of(pages - done, kPagesAtOnce));
      if (mapped.is_error()) {
        unmap_arena_pages(address, pages);
        return mapped.error();
      }
    }
    return PhysAddr(0);
  }
  const unsigned order = order_for(pages);
  Result<PhysAddr> frames = allocate_frames(order);
  if (frames.is_error()) return frames.error();
  Result<void> mapped = map_kernel_frames(address, frames.value(), pages);
  if (mapped.is_error()) {
    free_frames(frames.value(), order);
    return mapped.error();
  }
  return frames.value();
}

void unmap_arena_pages(uint64_t address, uint32_t pages) {
  for (uint32_t done = 0; done < pages; done += kPagesAtOnce) {
    unmap_kernel_pages(address + done * kPageSize, min_of(pages - done, kPagesAtOnce));
  }
}

}  // namespace runtime
