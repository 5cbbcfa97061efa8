// Areas change under the memory lock; objects (files) are asked for pages outside it, because they
// take locks of lower rank. A fault therefore looks its area up again before it installs the page.
#include "memory/address_space.h"

#include "arch/x86_64/cpu.h"
#include "lib/format.h"
#include "lib/new.h"
#include "lib/string.h"
#include "linux/process_info.h"
#include "linux/vfs.h"
#include "memory/area_set.h"
#include "memory/frames.h"
#include "memory/physical.h"
#include "memory/user.h"

namespace runtime {

namespace {

/// Ours: the frame is kept but may not be touched (PROT_NONE over pages with content).
constexpr uint64_t kPageParked = 1ull << 11;
constexpr uint64_t kFaultAroundPages = 16;
constexpr uint64_t kAnonymousAroundPages = 4;

struct Space {
  Space() : tables(root_table()) {}

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

alignas(Space) char space_storage[sizeof(Space)];
Space& space() { return *reinterpret_cast<Space*>(space_storage); }
SpinLock memory_lock(LockRank::Memory);

/// Areas taken out of the set, destroyed once the lock is free: that may close files.
class Graveyard {
 public:
  Graveyard() = default;
  Graveyard(const Graveyard&) = delete;
  Graveyard& operator=(const Graveyard&) = delete;
  ~Graveyard() {
    while (first_) {
      Area* area = first_;
      first_ = reinterpret_cast<Area*>(area->start);
      delete area;
    }
  }
  void take(Area* area) {
    area->start = reinterpret_cast<uint64_t>(first_);
    first_ = area;
  }

 private:
  Area* first_ = nullptr;
};

uint64_t leaf_flags(const Area& area, bool owned) {
  uint64_t flags = kPageUser | kPageAccessed | kPageDirty;
  if (area.protection == 0) {
    flags |= kPageParked;
  } else {
    flags |= kPagePresent;
  }
  if (owned) flags |= kPageOwned;
  if (area.is_shared) flags |= kPageShared;
  if ((area.protection & kProtectionWrite) && (owned || area.is_shared)) flags |= kPageWrite;
  if (!(area.protection & kProtectionExecute)) flags |= kPageNoExecute;
  return flags;
}

void count_resident(uint64_t entry, int64_t pages) {
  if (entry & kPageOwned) {
    space().resident_anonymous += pages;
  } else {
    space().resident_file += pages;
  }
  const uint64_t resident = space().resident_anonymous + space().resident_file;
  if (resident > space().peak_resident) space().peak_resident = resident;
}

/// Empties the leaves in [start, end) and gives their frames back.
Result<void> drop_pages(uint64_t start, uint64_t end) {
  TranslationFlush flush;
  return space().tables.for_each_present(
      start, end, [&flush](uint64_t page, uint64_t* entry, uint64_t size) {
        count_resident(*entry, -static_cast<int64_t>(size / kPageSize));
        const PhysAddr frame(*entry & kPageAddressMask);
        const bool is_large = size != kPageSize;
        *entry = 0;
        flush.add(page);
        if (!is_large) release_frame(frame);
      });
}

/// Frees the tables that the removal of [start, end) left without a use. A table goes when the whole
/// gap between the neighbouring areas covers it, as a heap gives its memory back piece by piece.
void free_tables_around(uint64_t start, uint64_t end) {
  Space& state = space();
  const size_t next = state.areas.first_ending_after(start);
  const uint64_t gap_start = next > 0 ? state.areas.at(next - 1)->end : 0;
  const uint64_t gap_end = next < state.areas.count() ? state.areas.at(next)->start : kUserEnd;
  // Tables of 1 GiB and finer: the few above are kept.
  const uint64_t span = level_span(3);
  const uint64_t before = state.tables.table_bytes();
  state.tables.free_tables(max_of(gap_start, align_down(start, span)),
                           min_of(gap_end, align_up(end, span)));
  // Also forgets what the CPU cached of the tables themselves (SDM volume 3, 4.10.4.1).
  if (state.tables.table_bytes() != before) flush_page(start);
}

/// Removes areas and pages in [start, end). The lock is held.
Result<void> remove_locked(uint64_t start, uint64_t end, Graveyard* graveyard) {
  Space& state = space();
  Result<void> split = state.areas.split_at_borders(start, end);
  if (split.is_error()) return split;
  Result<void> dropped = drop_pages(start, end);
  if (dropped.is_error()) return dropped;
  state.areas.remove_range(start, end, [&](Area* area) { graveyard->take(area); });
  free_tables_around(start, end);
  return {};
}

bool is_range_valid(uint64_t start, uint64_t size) {
  return size > 0 && start % kPageSize == 0 && start >= kLowestAddress && size <= kUserEnd &&
         start <= kUserEnd - size;
}

/// Tries to map the 2 MiB around `address` in place. Returns true when it did.
bool map_large_page(const Area& area, uint64_t address, Mappable* object) {
  if (area.protection & kProtectionWrite || area.is_shared) return false;
  const uint64_t block = align_down(address, kLargePageSize);
  if (block < area.start || block + kLargePageSize > area.end) return false;
  const uint64_t index = (area.offset + (block - area.start)) >> kPageShift;
  const PhysAddr frames = object->contiguous_pages(index, kLargePageSize / kPageSize);
  if (frames.value == 0 || frames.value % kLargePageSize != 0) return false;
  Result<uint64_t*> entry = space().tables.directory_entry(block);
  if (entry.is_error() || *entry.value() != 0) return false;
  *entry.value() = frames.value | leaf_flags(area, false) | kPageLarge;
  count_resident(0, kLargePageSize / kPageSize);
  return true;
}

/// Maps the pages around `address` that the object holds in one piece. Returns true when the page at
/// `address` is mapped.
bool map_around(const Area& area, uint64_t address, Mappable* object) {
  const uint64_t window = kFaultAroundPages * kPageSize;
  const uint64_t start = max_of(align_down(address, window), area.start);
  const uint64_t end = min_of(align_down(address, window) + window, area.end);
  const uint64_t index = (area.offset + (start - area.start)) >> kPageShift;
  const PhysAddr frames = object->contiguous_pages(index, (end - start) >> kPageShift);
  if (frames.value == 0) return false;
  for (uint64_t page = start; page < end; page += kPageSize) {
    Result<uint64_t*> entry = space().tables.find_or_create(page);
    if (entry.is_error()) return page > address;
    if (*entry.value() != 0) continue;
    *entry.value() = (frames.value + (page - start)) | leaf_flags(area, false);
    count_resident(0, 1);
  }
  return true;
}

FaultOutcome install(uint64_t page, PhysAddr frame, uint64_t flags) {
  Result<uint64_t*> entry = space().tables.find_or_create(page);
  if (entry.is_error()) {
    release_frame(frame);
    return FaultOutcome::OutOfMemory;
  }
  const uint64_t old = *entry.value();
  *entry.value() = frame.value | flags;
  count_resident(flags, 1);
  if (old != 0) {
    count_resident(old, -1);
    release_frame(PhysAddr(old & kPageAddressMask));
    flush_page(page);  // the CPU never caches that a page is absent, so else there is nothing to do
  }
  return FaultOutcome::Resolved;
}

/// Gives the mapping a copy of its own of the page that `entry` maps for reading.
FaultOutcome copy_on_write(const Area& area, uint64_t page, uint64_t entry) {
  const PhysAddr old(entry & kPageAddressMask);
  if (old == space().zero_frame) {
    Result<PhysAddr> zeroed = allocate_frame();
    if (zeroed.is_error()) return FaultOutcome::OutOfMemory;
    return install(page, zeroed.value(), leaf_flags(area, true));
  }
  Result<PhysAddr> fresh = allocate_frame_uninitialised();
  if (fresh.is_error()) return FaultOutcome::OutOfMemory;
  memcpy(phys_to_virt(fresh.value()), phys_to_virt(old), kPageSize);
  ++space().copies;
  return install(page, fresh.value(), leaf_flags(area, true));
}

bool memory_is_plentiful() {
  const FrameStatistics frames = frame_statistics();
  return frames.free > frames.total / 8;
}

/// Gives the neighbours of a freshly touched page their frames too: heaps and stacks are touched in
/// runs, and a fault costs more than zeroing a page.
void populate_around(const Area& area, uint64_t page) {
  const uint64_t window = kAnonymousAroundPages * kPageSize;
  const uint64_t start = max_of(align_down(page, window), area.start);
  const uint64_t end = min_of(align_down(page, window) + window, area.end);
  for (uint64_t at = start; at < end; at += kPageSize) {
    const uint64_t* entry = space().tables.find(at);
    if (at == page || (entry && *entry)) continue;
    Result<PhysAddr> frame = allocate_frame();
    if (frame.is_error()) return;
    if (install(at, frame.value(), leaf_flags(area, true)) != FaultOutcome::Resolved) return;
  }
}

FaultOutcome fault_anonymous(const Area& area, uint64_t page, bool is_write) {
  if (!is_write && !area.is_shared) {
    retain_frame(space().zero_frame);
    return install(page, space().zero_frame, leaf_flags(area, false));
  }
  Result<PhysAddr> frame = allocate_frame();
  if (frame.is_error()) return FaultOutcome::OutOfMemory;
  const FaultOutcome outcome = install(page, frame.value(), leaf_flags(area, true));
  if (outcome == FaultOutcome::Resolved && memory_is_plentiful()) populate_around(area, page);
  return outcome;
}

/// What a fault on a file's page needs once the lock is released.
struct FileFault {
  RefPtr<Mappable> object;
  uint64_t index = 0;
};

}  // namespace

void AddressSpace::initialise(bool fixed_layout) {
  new (space_storage) Space();
  Result<PhysAddr> zero = allocate_frame();
  RUNTIME_ASSERT(!zero.is_error());
  space().zero_frame = zero.value();
  uint64_t step = 0;
  if (!fixed_layout) random_bytes(&step, sizeof(step));
  // 28 bits of entropy in pages below the top, as mmap(2) on Linux has.
  space().mmap_top = kUserEnd - kPageSize - (step & 0xfffffff) * kPageSize - (1ull << 30);
}

Result<uint64_t> AddressSpace::map(MapRequest request) {
  request.size = align_up(request.size, kPageSize);
  if (request.size == 0 || request.size > kUserEnd) return Errno::NoMemory;
  Area* area = new Area();
  if (!area) return Errno::NoMemory;
  area->protection = request.protection;
  area->is_shared = request.is_shared;
  area->name = request.name;
  area->object = request.object;
  area->file = request.file;
  area->offset = request.offset;

  Graveyard graveyard;
  SpinGuard guard(memory_lock);
  Space& state = space();
  uint64_t start = align_down(request.address, kPageSize);
  if (request.is_fixed || request.no_replace) {
    if (request.address % kPageSize || !is_range_valid(start, request.size)) {
      graveyard.take(area);
      if (request.address % kPageSize) return Errno::Invalid;
      return start < kLowestAddress ? Errno::Perm : Errno::NoMemory;
    }
    if (request.no_replace && !state.areas.is_free(start, start + request.size)) {
      graveyard.take(area);
      return Errno::Exists;
    }
    Result<void> removed = remove_locked(start, start + request.size, &graveyard);
    if (removed.is_error()) {
      graveyard.take(area);
      return removed.error();
    }
  } else {
    if (!is_range_valid(start, request.size) || !state.areas.is_free(start, start + request.size)) {
      // Large file mappings line up with their content, so that large pages fit.
      const bool lines_up = request.object && request.size >= kLargePageSize;
      const uint64_t alignment = lines_up ? kLargePageSize : kPageSize;
      start = state.areas.find_free(request.size, alignment, kLowestAddress, state.mmap_top);
      if (start == 0)
        start = state.areas.find_free(request.size, kPageSize, kLowestAddress, kUserEnd);
    }
    if (start == 0) {
      graveyard.take(area);
      return Errno::NoMemory;
    }
  }
  area->start = start;
  area->end = start + request.size;
  Result<void> inserted = state.areas.insert(area);
  if (inserted.is_error()) {
    graveyard.take(area);
    return inserted.error();
  }
  state.areas.merge_around(area->start, area->end, [&](Area* merged) { graveyard.take(merged); });
  return start;
}

Result<void> AddressSpace::unmap(uint64_t start, uint64_t size) {
  size = align_up(size, kPageSize);
  if (start % kPageSize || size == 0 || size > kUserEnd || start > kUserEnd - size)
    return Errno::Invalid;
  Graveyard graveyard;
  SpinGuard guard(memory_lock);
  return remove_locked(start, start + size, &graveyard);
}

Result<void> AddressSpace::protect(uint64_t start, uint64_t size, uint8_t protection) {
  size = align_up(size, kPageSize);
  if (start % kPageSize) return Errno::Invalid;
  if (size == 0) return {};
  if (size > kUserEnd || start > kUserEnd - size) return Errno::NoMemory;
  Graveyard graveyard;
  SpinGuard guard(memory_lock);
  Space& state = space();
  const uint64_t end = start + size;
  if (!state.areas.covers(start, end)) return Errno::NoMemory;
  for (size_t i = state.areas.first_ending_after(start);
       i < state.areas.count() && state.areas.at(i)->start < end; ++i) {
    const Area& area = *state.areas.at(i);
    const bool is_read_only = area.is_shared && area.file && !area.file->is_writable();
    if (is_read_only && (protection & kProtectionWrite)) return Errno::Access;
  }
  Result<void> split = state.areas.split_at_borders(start, end);
  if (split.is_error()) return split;
  for (size_t i = state.areas.first_ending_after(start);
       i < state.areas.count() && state.areas.at(i)->start < end; ++i) {
    Area* area = state.areas.at(i);
    area->protection = protection;
    TranslationFlush flush;
    Result<void> changed = state.tables.for_each_present(
        area->start, area->end, [area, &flush](uint64_t page, uint64_t* entry, uint64_t page_size) {
          const bool is_large = page_size != kPageSize;
          const bool gains_shared_write = area->is_shared && area->object &&
                                          (area->protection & kProtectionWrite) &&
                                          !(*entry & kPageWrite);
          if (gains_shared_write && !is_large) {
            // The frame may be the image's: the next touch asks the file for a writable one.
            count_resident(*entry, -1);
            release_frame(PhysAddr(*entry & kPageAddressMask));
            *entry = 0;
          } else if (is_large && (area->protection == 0 || area->protection & kProtectionWrite)) {
            count_resident(*entry, -static_cast<int64_t>(page_size / kPageSize));
            *entry = 0;
          } else {
            *entry = (*entry & kPageAddressMask) | leaf_flags(*area, *entry & kPageOwned) |
                     (is_large ? kPageLarge : 0);
          }
          flush.add(page);
        });
    if (changed.is_error()) return changed;
  }
  state.areas.merge_around(start, end, [&](Area* merged) { graveyard.take(merged); });
  return {};
}

Result<void> AddressSpace::discard(uint64_t start, uint64_t size) {
  size = align_up(size, kPageSize);
  if (start % kPageSize) return Errno::Invalid;
  if (size == 0) return {};
  if (size > kUserEnd || start > kUserEnd - size) return Errno::NoMemory;
  SpinGuard guard(memory_lock);
  const bool covered = space().areas.covers(start, start + size);
  Result<void> dropped = drop_pages(start, start + size);
  if (dropped.is_error()) return dropped;
  if (!covered) return Errno::NoMemory;
  return {};
}

Result<uint64_t> AddressSpace::remap(uint64_t address, uint64_t old_size, uint64_t new_size,
                                     bool may_move, bool is_fixed, uint64_t new_address) {
  old_size = align_up(old_size, kPageSize);
  new_size = align_up(new_size, kPageSize);
  if (address % kPageSize || new_size == 0 || (is_fixed && !may_move)) return Errno::Invalid;
  Graveyard graveyard;
  SpinGuard guard(memory_lock);
  Space& state = space();
  Area* area = state.areas.find(address);
  if (!area || address + old_size > area->end || old_size == 0) return Errno::Fault;
  if (!is_fixed && new_size <= old_size) {
    if (new_size < old_size) {
      Result<void> removed = remove_locked(address + new_size, address + old_size, &graveyard);
      if (removed.is_error()) return removed.error();
    }
    return address;
  }
  if (!is_fixed && address + old_size == area->end && is_range_valid(address, new_size) &&
      state.areas.is_free(area->end, address + new_size)) {
    area->end = address + new_size;
    return address;
  }
  if (!may_move) return Errno::NoMemory;
  uint64_t target = new_address;
  if (is_fixed) {
    if (!is_range_valid(target, new_size)) return Errno::Invalid;
    if (target < address + old_size && address < target + new_size) return Errno::Invalid;
    Result<void> removed = remove_locked(target, target + new_size, &graveyard);
    if (removed.is_error()) return removed.error();
  } else {
    target = state.areas.find_free(new_size, kPageSize, kLowestAddress, state.mmap_top);
    if (target == 0) return Errno::NoMemory;
  }
  Result<void> split = state.areas.split_at_borders(address, address + old_size);
  if (split.is_error()) return split.error();
  area = state.areas.find(address);
  Area* moved = new Area();
  if (!moved) return Errno::NoMemory;
  moved->start = target;
  moved->end = target + new_size;
  moved->protection = area->protection;
  moved->is_shared = area->is_shared;
  moved->object = area->object;
  moved->file = area->file;
  moved->offset = area->offset;
  Result<void> inserted = state.areas.insert(moved);
  if (inserted.is_error()) {
    graveyard.take(moved);
    return inserted.error();
  }
  bool out_of_memory = false;
  Result<void> walked = state.tables.for_each_present(
      address, address + min_of(old_size, new_size),
      [&](uint64_t page, uint64_t* entry, uint64_t size) {
        if (size != kPageSize) {
          count_resident(*entry, -static_cast<int64_t>(size / kPageSize));
          *entry = 0;  // in place in the image: comes back by a fault
          return;
        }
        Result<uint64_t*> home = state.tables.find_or_create(target + (page - address));
        if (home.is_error()) {
          out_of_memory = true;
          return;
        }
        *home.value() = *entry;
        *entry = 0;
        flush_page(page);
      });
  if (walked.is_error() || out_of_memory)
    panic("out of memory for page tables while a mapping was moved");
  Result<void> removed = remove_locked(address, address + old_size, &graveyard);
  if (removed.is_error()) return removed.error();
  return target;
}

bool AddressSpace::is_mapped(uint64_t start, uint64_t size) {
  SpinGuard guard(memory_lock);
  return space().areas.covers(align_down(start, kPageSize), align_up(start + size, kPageSize));
}

bool AddressSpace::is_resident(uint64_t address) {
  SpinGuard guard(memory_lock);
  bool resident = false;
  (void)space()
      .tables
      .for_each_present(align_down(address, kPageSize), align_down(address, kPageSize) + kPageSize,
                        [&](uint64_t, uint64_t*, uint64_t) { resident = true; })
      .is_error();
  return resident;
}

void AddressSpace::set_break_start(uint64_t start) {
  SpinGuard guard(memory_lock);
  space().break_start = space().break_end = start;
}

uint64_t AddressSpace::set_break(uint64_t end) {
  uint64_t start, old_end;
  {
    SpinGuard guard(memory_lock);
    start = space().break_start;
    old_end = space().break_end;
  }
  if (end < start || end > kUserEnd) return old_end;
  const uint64_t old_top = align_up(old_end, kPageSize);
  const uint64_t new_top = align_up(end, kPageSize);
  if (new_top > old_top) {
    MapRequest request;
    request.address = old_top;
    request.size = new_top - old_top;
    request.protection = kProtectionRead | kProtectionWrite;
    request.no_replace = true;
    request.name = AreaName::Heap;
    if (map(request).is_error()) return old_end;
  } else if (new_top < old_top) {
    if (unmap(new_top, old_top - new_top).is_error()) return old_end;
  }
  SpinGuard guard(memory_lock);
  return space().break_end = end;
}

FaultOutcome AddressSpace::handle_fault(uint64_t address, uint8_t access) {
  if (address < kLowestAddress || address >= kUserEnd) return FaultOutcome::NoMapping;
  const uint64_t page = align_down(address, kPageSize);
  const bool is_write = access == kProtectionWrite;
  for (;;) {
    FileFault wanted;
    {
      SpinGuard guard(memory_lock);
      Space& state = space();
      Area* area = state.areas.find(address);
      if (!area) return FaultOutcome::NoMapping;
      if (!(area->protection & access)) return FaultOutcome::NoAccess;
      ++state.faults;
      uint64_t* entry = state.tables.find(page);
      if (entry && *entry) {
        if (!is_write || (*entry & kPageWrite)) {
          flush_page(page);  // another thread was first, or a stale translation
          return FaultOutcome::Resolved;
        }
        if (!area->is_shared) return copy_on_write(*area, page, *entry);
      } else if (!area->object) {
        return fault_anonymous(*area, page, is_write);
      }
      if (!area->is_shared && (map_large_page(*area, address, area->object.get()) ||
                               (!is_write && map_around(*area, address, area->object.get()))))
        return FaultOutcome::Resolved;
      wanted.object = area->object;
      wanted.index = (area->offset + (page - area->start)) >> kPageShift;
    }
    Result<PhysAddr> frame = wanted.object->map_page(wanted.index, false);
    bool for_write = false;
    {
      SpinGuard guard(memory_lock);
      Area* area = space().areas.find(address);
      for_write = area && area->is_shared && (area->protection & kProtectionWrite);
    }
    if (for_write) {
      if (!frame.is_error()) release_frame(frame.value());
      frame = wanted.object->map_page(wanted.index, true);
    }
    if (frame.is_error())
      return frame.error() == Errno::Range ? FaultOutcome::PastEnd : FaultOutcome::OutOfMemory;
    SpinGuard guard(memory_lock);
    Area* area = space().areas.find(address);
    const bool unchanged = area && area->object == wanted.object &&
                           (area->offset + (page - area->start)) >> kPageShift == wanted.index &&
                           (area->protection & access);
    if (!unchanged) {
      release_frame(frame.value());
      continue;
    }
    if (is_write && !area->is_shared) {
      const FaultOutcome outcome = copy_on_write(*area, page, frame.value().value);
      release_frame(frame.value());
      return outcome;
    }
    return install(page, frame.value(), leaf_flags(*area, false));
  }
}

bool AddressSpace::find_file(uint64_t address, RefPtr<File>* file, RefPtr<Mappable>* object) {
  SpinGuard guard(memory_lock);
  Area* area = space().areas.find(address);
  if (!area || !area->file) return false;
  *file = area->file;
  *object = area->object;
  return true;
}

uint64_t AddressSpace::lowest_mapping_of(File* file) {
  SpinGuard guard(memory_lock);
  AreaSet& areas = space().areas;
  for (size_t i = 0; i < areas.count(); ++i)
    if (areas.at(i)->file.get() == file) return areas.at(i)->start;
  return 0;
}

void unmap_object_pages(Mappable* object, uint64_t first_page) {
  SpinGuard guard(memory_lock);
  AreaSet& areas = space().areas;
  for (size_t i = 0; i < areas.count(); ++i) {
    Area* area = areas.at(i);
    if (area->object.get() != object) continue;
    const uint64_t first = first_page << kPageShift;
    const uint64_t start =
        first > area->offset ? area->start + (first - area->offset) : area->start;
    if (start >= area->end) continue;
    if (drop_pages(start, area->end).is_error())
      panic("out of memory for page tables while a mapped file was cut");
  }
}

bool next_area(uint64_t address, AreaInfo* info) {
  RefPtr<File> file;
  AreaName name;
  {
    SpinGuard guard(memory_lock);
    AreaSet& areas = space().areas;
    const size_t index = areas.first_ending_after(address);
    if (index == areas.count()) return false;
    const Area& area = *areas.at(index);
    info->start = area.start;
    info->end = area.end;
    info->is_readable = area.protection & kProtectionRead;
    info->is_writable = area.protection & kProtectionWrite;
    info->is_executable = area.protection & kProtectionExecute;
    info->is_shared = area.is_shared;
    info->offset = area.object ? area.offset : 0;
    file = area.file;
    name = area.name;
  }
  info->inode = 0;
  info->name[0] = 0;
  if (name == AreaName::Stack) format(info->name, sizeof(info->name), "[stack]");
  if (name == AreaName::Heap) format(info->name, sizeof(info->name), "[heap]");
  if (file) {
    vfs_path_of(file.get(), info->name, sizeof(info->name));
    Stat stat;
    if (!file->stat(&stat).is_error()) info->inode = stat.inode;
  }
  return true;
}

ProcessMemory process_memory() {
  SpinGuard guard(memory_lock);
  Space& state = space();
  ProcessMemory memory;
  memory.virtual_size = state.areas.mapped_bytes();
  memory.resident_file = state.resident_file * kPageSize;
  memory.resident = memory.resident_file + state.resident_anonymous * kPageSize;
  memory.peak_resident = state.peak_resident * kPageSize;
  memory.page_tables = state.tables.table_bytes();
  memory.page_faults = state.faults;
  return memory;
}

uint64_t copy_on_write_copies() {
  SpinGuard guard(memory_lock);
  return space().copies;
}

Result<void> map_kernel_pages(uint64_t address, size_t pages) {
  SpinGuard guard(memory_lock);
  for (size_t i = 0; i < pages; ++i) {
    Result<uint64_t*> entry = space().tables.find_or_create(address + i * kPageSize);
    if (entry.is_error()) return entry.error();
    Result<PhysAddr> frame = allocate_frame();
    if (frame.is_error()) return frame.error();
    *entry.value() = frame.value().value | kPagePresent | kPageWrite | kPageNoExecute |
                     kPageAccessed | kPageDirty;
  }
  return {};
}

void unmap_kernel_pages(uint64_t address, size_t pages) {
  SpinGuard guard(memory_lock);
  for (size_t i = 0; i < pages; ++i) {
    uint64_t* entry = space().tables.find(address + i * kPageSize);
    if (!entry || !*entry) continue;
    const PhysAddr frame(*entry & kPageAddressMask);
    *entry = 0;
    flush_page(address + i * kPageSize);
    release_frame(frame);
  }
}

Result<void> map_kernel_device(uint64_t address, PhysAddr physical, size_t pages) {
  SpinGuard guard(memory_lock);
  for (size_t i = 0; i < pages; ++i) {
    Result<uint64_t*> entry = space().tables.find_or_create(address + i * kPageSize);
    if (entry.is_error()) return entry.error();
    *entry.value() = (physical.value + i * kPageSize) | kPagePresent | kPageWrite | kPageNoExecute |
                     kPageCacheDisable | kPageWriteThrough;
  }
  return {};
}

void drop_identity_map() {
  SpinGuard guard(memory_lock);
  static_cast<uint64_t*>(phys_to_virt(root_table()))[0] = 0;
  flush_all_pages();
}

}  // namespace runtime
