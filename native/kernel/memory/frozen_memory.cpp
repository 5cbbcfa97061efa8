#include "memory/frozen_memory.h"

#include "lib/string.h"
#include "memory/frames.h"
#include "memory/space.h"

namespace runtime {

namespace {

/// Interrupts wait while the lock is held.
constexpr size_t kPagesAtOnce = 256;

Result<void> install_one(const FrozenPage& page, PhysAddr content) {
  Space& state = space();
  Area* const area = state.areas.find(page.address);
  if (!area) return Errno::Invalid;
  Result<uint64_t*> entry = state.tables.find_or_create(page.address);
  if (entry.is_error()) return entry.error();
  if (*entry.value() != 0) return Errno::Invalid;
  PhysAddr frame = content + page.frame * kPageSize;
  if (area->is_shared) {
    // A shared page is written in place.
    Result<PhysAddr> own = allocate_frame_uninitialised();
    if (own.is_error()) return own.error();
    memcpy(phys_to_virt(own.value()), phys_to_virt(frame), kPageSize);
    frame = own.value();
  }
  const uint64_t flags = leaf_flags(*area, area->is_shared);
  *entry.value() = frame.value | flags;
  count_resident(flags, 1);
  return {};
}

}  // namespace

MemoryBounds memory_bounds() {
  SpinGuard guard(memory_lock);
  return {space().break_start, space().break_end, space().mmap_top};
}

void set_memory_bounds(const MemoryBounds& bounds) {
  SpinGuard guard(memory_lock);
  space().break_start = bounds.break_start;
  space().break_end = bounds.break_end;
  space().mmap_top = bounds.mmap_top;
}

bool copy_area(size_t index, Area* area) {
  SpinGuard guard(memory_lock);
  if (index >= space().areas.count()) return false;
  *area = *space().areas.at(index);
  return true;
}

Result<void> collect_private_pages(uint64_t start, uint64_t end, Vector<FrozenPage>* pages) {
  SpinGuard guard(memory_lock);
  Result<void> pushed;
  Result<void> walked =
      space().tables.for_each_present(start, end, [&](uint64_t page, uint64_t* entry, uint64_t) {
        if (!(*entry & kPageOwned) || pushed.is_error()) return;
        pushed = pages->push(FrozenPage{page, *entry & kPageAddressMask});
      });
  return walked.is_error() ? walked : pushed;
}

Result<void> install_frozen_pages(const FrozenPage* pages, size_t count, PhysAddr content) {
  for (size_t first = 0; first < count; first += kPagesAtOnce) {
    SpinGuard guard(memory_lock);
    const size_t end = min_of(first + kPagesAtOnce, count);
    for (size_t i = first; i < end; ++i) {
      Result<void> installed = install_one(pages[i], content);
      if (installed.is_error()) return installed;
    }
  }
  return {};
}

}  // namespace runtime
