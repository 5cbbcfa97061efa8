// The state of the address space: its leaves, its figures, and the kernel's own mappings in it.
#include "memory/space.h"

#include "lib/format.h"
#include "lib/new.h"
#include "linux/process_info.h"
#include "memory/frames.h"
#include "memory/kernel_map.h"
#include "memory/physical.h"
#include "memory/user.h"

namespace runtime {

namespace {

alignas(Space) char space_storage[sizeof(Space)];

}  // namespace

SpinLock memory_lock(LockRank::Memory);

Space::Space() : tables(root_table()) {}

Space& space() { return *reinterpret_cast<Space*>(space_storage); }

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

Result<void> drop_pages(uint64_t start, uint64_t end, PrivateCopies copies) {
  TranslationFlush flush;
  return space().tables.for_each_present(
      start, end, [&flush, copies](uint64_t page, uint64_t* entry, uint64_t size) {
        if (copies == PrivateCopies::Keep && (*entry & kPageOwned)) return;
        count_resident(*entry, -static_cast<int64_t>(size / kPageSize));
        const PhysAddr frame(*entry & kPageAddressMask);
        const bool is_large = size != kPageSize;
        *entry = 0;
        flush.add(page);
        if (!is_large) flush.release_later(frame);
      });
}

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

Result<void> map_kernel_frames(uint64_t address, PhysAddr first, size_t pages) {
  SpinGuard guard(memory_lock);
  for (size_t i = 0; i < pages; ++i) {
    Result<uint64_t*> entry = space().tables.find_or_create(address + i * kPageSize);
    if (entry.is_error()) {
      while (i-- > 0) {
        *space().tables.find(address + i * kPageSize) = 0;
        flush_page(address + i * kPageSize);
      }
      return entry.error();
    }
    *entry.value() = (first.value + i * kPageSize) | kPagePresent | kPageWrite | kPageNoExecute |
                     kPageAccessed | kPageDirty;
  }
  return {};
}

void unmap_kernel_pages(uint64_t address, size_t pages) {
  SpinGuard guard(memory_lock);
  TranslationFlush flush;
  for (size_t i = 0; i < pages; ++i) {
    uint64_t* entry = space().tables.find(address + i * kPageSize);
    if (!entry || !*entry) continue;
    const PhysAddr frame(*entry & kPageAddressMask);
    *entry = 0;
    flush.add(address + i * kPageSize);
    flush.release_later(frame);
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
