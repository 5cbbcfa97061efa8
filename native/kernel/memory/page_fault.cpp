// Bringing pages in. Objects (files) are asked for pages outside the memory lock, because they take
// locks of lower rank. A fault therefore looks its area up again before it installs the page.
#include "lib/string.h"
#include "memory/address_space.h"
#include "memory/frames.h"
#include "memory/space.h"
#include "memory/user.h"

namespace runtime {

namespace {

constexpr uint64_t kFaultAroundPages = 16;
constexpr uint64_t kAnonymousAroundPages = 4;

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
    TranslationFlush
        flush;  // a CPU never caches that a page is absent, so else there is nothing to do
    flush.add(page);
    flush.release_later(PhysAddr(old & kPageAddressMask));
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

}  // namespace runtime
