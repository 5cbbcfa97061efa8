// The address space as frozen states have it (warm/frozen_state.h).
#pragma once

#include "lib/vector.h"
#include "memory/address_space.h"
#include "warm/frozen_state.h"

namespace runtime {

struct MemoryBounds {
  uint64_t break_start, break_end, mmap_top;
};
MemoryBounds memory_bounds();
void set_memory_bounds(const MemoryBounds& bounds);

/// Copies the area with that index. Returns false behind the last one.
bool copy_area(size_t index, Area* area);
/// Adds the pages in [start, end) that belong to the process alone. Errors: NoMemory.
Result<void> collect_private_pages(uint64_t start, uint64_t end, Vector<FrozenPage>* pages);
/// Gives the process its private pages again, whose areas are there. The content lies in memory that stays,
/// from `content` on, in pages by number: it is copied once it is written to. Errors: NoMemory, Invalid
/// when a page lies in no area.
Result<void> install_frozen_pages(const FrozenPage* pages, size_t count, PhysAddr content);

}  // namespace runtime
