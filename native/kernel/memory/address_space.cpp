// Areas and what may be done with them: mmap(2), munmap(2), mprotect(2), mremap(2), brk(2).
#include "memory/address_space.h"

#include "lib/format.h"
#include "linux/process_info.h"
#include "linux/vfs.h"
#include "memory/frames.h"
#include "memory/space.h"
#include "memory/user.h"

namespace runtime {

namespace {

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

/// Frees the tables that the removal of [start, end) left without a use. A table goes when the whole
/// gap between the neighbouring areas covers it, as a heap gives its memory back piece by piece.
void free_tables_around(uint64_t start, uint64_t end) {
  Space& state = space();
  const size_t next = state.areas.first_ending_after(start);
  const uint64_t gap_start = next > 0 ? state.areas.at(next - 1)->end : 0;
  const uint64_t gap_end = next < state.areas.count() ? state.areas.at(next)->start : kUserEnd;
  // Tables of 1 GiB and finer: the few above are kept.
  const uint64_t span = level_span(3);
  TranslationFlush flush;
  state.tables.free_tables(max_of(gap_start, align_down(start, span)),
                           min_of(gap_end, align_up(end, span)), &flush);
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

}  // namespace

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
          flush.add(page);
          const bool is_large = page_size != kPageSize;
          const bool gains_shared_write = area->is_shared && area->object &&
                                          (area->protection & kProtectionWrite) &&
                                          !(*entry & kPageWrite);
          if (gains_shared_write && !is_large) {
            // The frame may be the image's: the next touch asks the file for a writable one.
            count_resident(*entry, -1);
            const PhysAddr frame(*entry & kPageAddressMask);
            *entry = 0;
            flush.release_later(frame);
          } else if (is_large && (area->protection == 0 || area->protection & kProtectionWrite)) {
            count_resident(*entry, -static_cast<int64_t>(page_size / kPageSize));
            *entry = 0;
          } else {
            *entry = (*entry & kPageAddressMask) | leaf_flags(*area, *entry & kPageOwned) |
                     (is_large ? kPageLarge : 0);
          }
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
  TranslationFlush flush;
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
        flush.add(page);
      });
  flush.finish();
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

void unmap_object_pages(Mappable* object, uint64_t first_page, uint64_t count,
                        PrivateCopies copies) {
  const uint64_t first = first_page << kPageShift;
  const uint64_t last =
      count > (UINT64_MAX >> kPageShift) - first_page ? UINT64_MAX : first + (count << kPageShift);
  SpinGuard guard(memory_lock);
  AreaSet& areas = space().areas;
  for (size_t i = 0; i < areas.count(); ++i) {
    const Area& area = *areas.at(i);
    const uint64_t area_last = area.offset + (area.end - area.start);
    if (area.object.get() != object || first >= area_last || last <= area.offset) continue;
    const uint64_t start = area.start + (max_of(first, area.offset) - area.offset);
    const uint64_t end = area.start + (min_of(last, area_last) - area.offset);
    if (drop_pages(start, end, copies).is_error())
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
  if (name == AreaName::Vvar) format(info->name, sizeof(info->name), "[vvar]");
  if (name == AreaName::Vdso) format(info->name, sizeof(info->name), "[vdso]");
  if (file) {
    vfs_path_of(file.get(), info->name, sizeof(info->name));
    Stat stat;
    if (!file->stat(&stat).is_error()) info->inode = stat.inode;
  }
  return true;
}

}  // namespace runtime
