// What the files that implement the address space share. Nobody else includes this.
#pragma once

#include "memory/area_set.h"
#include "memory/page_table.h"
#include "sync/spinlock.h"

namespace runtime {

/// Ours: the frame is kept but may not be touched (PROT_NONE over pages with content).
constexpr uint64_t kPageParked = 1ull << 11;

/// The one address space; guarded by `memory_lock`.
struct Space {
  Space();

  AreaSet areas;
  PageTable tables;
  PhysAddr zero_frame;
  uint64_t mmap_top = 0;
  uint64_t break_start = 0;
  uint64_t break_end = 0;
  uint64_t resident_anonymous = 0;  // pages
  uint64_t resident_file = 0;       // pages
  uint64_t peak_resident = 0;       // pages
  uint64_t faults = 0;
  uint64_t copies = 0;
};

extern SpinLock memory_lock;
Space& space();

// The lock is held for all of these.

/// The flags of a leaf in `area`; `owned` when the frame belongs to this mapping alone.
uint64_t leaf_flags(const Area& area, bool owned);
/// Counts `pages` pages with the flags of `entry` as resident, or no more when negative.
void count_resident(uint64_t entry, int64_t pages);
/// Empties the leaves in [start, end), or those that are not private copies, and gives their frames
/// back. Errors: NoMemory.
Result<void> drop_pages(uint64_t start, uint64_t end, PrivateCopies copies = PrivateCopies::Drop);

}  // namespace runtime
