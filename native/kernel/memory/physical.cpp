#include "memory/physical.h"

#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/paging.h"
#include "boot/image_layout.h"
#include "lib/format.h"
#include "lib/string.h"
#include "linux/process_info.h"
#include "memory/buddy.h"
#include "memory/frames.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

constexpr uint64_t kDirectMapRegion = 0xffff800000000000ull;
constexpr uint64_t kIdentityMapped = 1ull << 32;
/// What the direct map has room for, whatever its random step.
constexpr uint64_t kPhysicalLimit = 1ull << 46;
/// Below this lie the real-mode vectors, BIOS data and the loader's tables.
constexpr uint64_t kLowMemory = 0x100000;
/// Node and, beside it, drivers and network do not get through their start with less.
constexpr uint64_t kSmallestApplication = 20 * 1024 * 1024;
constexpr uint64_t kOverhead = 4 * 1024 * 1024;
constexpr uint64_t kComfortable = 64 * 1024 * 1024;

struct FrameAllocator {
  BuddyAllocator buddy;
};
Locked<FrameAllocator> allocator(LockRank::Frames);

uint64_t direct_map_base = 0;
uint64_t memory_end = 0;
uint64_t memory_size = 0;
uint64_t reserved_image = 0;
FrameState* frame_states = nullptr;
uint64_t frame_count = 0;

/// Ranges that hold something already, sorted by start.
struct ReservedRanges {
  PhysicalRange ranges[8];
  unsigned count = 0;

  void add(uint64_t start, uint64_t end) {
    if (end <= start) return;
    PhysicalRange range = {align_down(start, kPageSize), align_up(end, kPageSize)};
    for (unsigned i = 0; i < count; ++i) {
      if (ranges[i].end != range.start) continue;
      ranges[i].end = range.end;
      return;
    }
    unsigned at = count++;
    while (at > 0 && ranges[at - 1].start > range.start) {
      ranges[at] = ranges[at - 1];
      --at;
    }
    ranges[at] = range;
  }
};

/// Takes early memory, for tables that live for ever, from usable ranges below 4 GiB.
class EarlyAllocator {
 public:
  EarlyAllocator(const BootInformation& information, ReservedRanges* reserved)
      : information_(information), reserved_(reserved) {}

  /// The first hole of `size` bytes at or above the low memory; 0 when there is none.
  uint64_t take(uint64_t size) {
    size = align_up(size, kPageSize);
    for (unsigned i = 0; i < information_.usable_count; ++i) {
      uint64_t at = max_of(information_.usable[i].start, kLowMemory);
      const uint64_t end = min_of(information_.usable[i].end, kIdentityMapped);
      for (unsigned j = 0; j < reserved_->count; ++j) {
        const PhysicalRange& taken = reserved_->ranges[j];
        if (at + size <= taken.start) break;
        if (at < taken.end) at = taken.end;
      }
      if (at + size <= end) {
        reserved_->add(at, at + size);
        return at;
      }
    }
    return 0;
  }

 private:
  const BootInformation& information_;
  ReservedRanges* reserved_;
};

BuddyAllocator::Link* link_of(uint32_t frame) {
  return static_cast<BuddyAllocator::Link*>(
      phys_to_virt(PhysAddr(static_cast<uint64_t>(frame) << kPageShift)));
}

bool contains(const BootInformation& information, const PhysicalRange& range) {
  for (unsigned i = 0; i < information.usable_count; ++i)
    if (information.usable[i].start <= range.start && range.end <= information.usable[i].end)
      return true;
  return false;
}

/// Maps physical memory [0, end) at `direct_map_base` with pages of 2 MiB, or of 1 GiB where the CPU
/// has them. Returns false when table memory ran out.
bool build_direct_map(uint64_t end, EarlyAllocator* early) {
  const bool has_gigabyte_pages = cpuid(0x80000001).edx >> 26 & 1;
  uint64_t* root = reinterpret_cast<uint64_t*>(root_table().value);
  constexpr uint64_t kFlags = kPagePresent | kPageWrite | kPageNoExecute | kPageGlobal;
  for (uint64_t address = 0; address < end;) {
    const uint64_t target = direct_map_base + address;
    uint64_t& root_entry = root[level_index(target, 4)];
    if (!root_entry) {
      const uint64_t table = early->take(kPageSize);
      if (!table) return false;
      memset(reinterpret_cast<void*>(table), 0, kPageSize);
      root_entry = table | kPagePresent | kPageWrite;
    }
    uint64_t* pdpt = reinterpret_cast<uint64_t*>(root_entry & kPageAddressMask);
    uint64_t& entry = pdpt[level_index(target, 3)];
    if (has_gigabyte_pages && address + level_span(3) <= end && address >= kIdentityMapped) {
      entry = address | kFlags | kPageLarge;
      address += level_span(3);
      continue;
    }
    if (!entry) {
      const uint64_t table = early->take(kPageSize);
      if (!table) return false;
      memset(reinterpret_cast<void*>(table), 0, kPageSize);
      entry = table | kPagePresent | kPageWrite;
    }
    uint64_t* directory = reinterpret_cast<uint64_t*>(entry & kPageAddressMask);
    directory[level_index(target, 2)] = address | kFlags | kPageLarge;
    address += level_span(2);
  }
  return true;
}

/// Makes the alias of [start, end) in the direct map read-only: it holds the boot image, whose text
/// must not be writable through the back door. Whole 2 MiB pages only, the rest stays as it is.
void protect_direct_map(uint64_t start, uint64_t end) {
  uint64_t* root = static_cast<uint64_t*>(phys_to_virt(root_table()));
  for (uint64_t address = align_up(start, kLargePageSize); address + kLargePageSize <= end;
       address += kLargePageSize) {
    const uint64_t target = direct_map_base + address;
    uint64_t* pdpt = static_cast<uint64_t*>(
        phys_to_virt(PhysAddr(root[level_index(target, 4)] & kPageAddressMask)));
    const uint64_t entry = pdpt[level_index(target, 3)];
    if (entry & kPageLarge) continue;
    uint64_t* directory = static_cast<uint64_t*>(phys_to_virt(PhysAddr(entry & kPageAddressMask)));
    directory[level_index(target, 2)] &= ~kPageWrite;
  }
}

char problem_text[256];

const char* too_small(const BootInformation& information, const char* what) {
  const uint64_t image = information.base.size() + information.initrd.size();
  // A hello with the network runs in 20 MiB beside the image (two V8 heaps, stacks, page tables, the
  // card's buffers); 4 more go to the kernel, the firmware and rounding.
  const uint64_t needed = align_up(image + kSmallestApplication + kOverhead, kOverhead) >> 20;
  const uint64_t comfortable = align_up(image + kComfortable, 16 * 1024 * 1024) >> 20;
  format(
      problem_text, sizeof(problem_text),
      "too little memory: %s. Kernel, Node and app take %llu MiB before anything runs; start the "
      "VM with at least -m %llu for the smallest app, -m %llu for an ordinary one",
      what, static_cast<unsigned long long>(image >> 20), static_cast<unsigned long long>(needed),
      static_cast<unsigned long long>(comfortable));
  return problem_text;
}

}  // namespace

PhysAddr root_table() {
  uint64_t root;
  asm volatile("mov %%cr3, %0" : "=r"(root));
  return PhysAddr(root & kPageAddressMask);
}

const char* physical_memory_initialise(const BootInformation& information, bool fixed_layout) {
  ReservedRanges reserved;
  reserved.add(0, kLowMemory);
  reserved.add(kernel_physical(), kernel_physical() + kernel_size());
  reserved.add(information.base.start, information.base.end);
  reserved.add(information.initrd.start, information.initrd.end);
  if (information.base.size() && !contains(information, information.base))
    return too_small(information, "the base archive does not fit");
  if (information.initrd.size() && information.initrd.start < information.base.end &&
      information.base.start < information.initrd.end)
    return too_small(information, "base archive and initrd overlap");

  for (unsigned i = 0; i < information.usable_count; ++i) {
    memory_size += information.usable[i].size();
    memory_end = max_of(memory_end, information.usable[i].end);
  }
  memory_end = align_up(max_of(memory_end, information.initrd.end), kLargePageSize);
  reserved_image = kernel_size() + information.base.size() + information.initrd.size();

  // With 4-level paging 64 TiB fit; the random step leaves room for all of memory.
  uint64_t step = 0;
  if (!fixed_layout) random_bytes(&step, sizeof(step));
  direct_map_base = kDirectMapRegion + step % 65536 * level_span(3);

  // The loader's data was copied, so only what is reserved above must be kept.
  EarlyAllocator early(information, &reserved);
  frame_count = memory_end >> kPageShift;
  // One range for the states and all tables keeps the list of reserved ranges short.
  const uint64_t tables = (2 + align_up(memory_end, level_span(3)) / level_span(3) + 2) * kPageSize;
  const uint64_t states = align_up(frame_count * sizeof(FrameState), kPageSize);
  const uint64_t region = early.take(states + tables);
  if (!region) return too_small(information, "no room for the frame table");
  ReservedRanges table_reserved;
  BootInformation table_memory;
  table_memory.usable[0] = {region + states, region + states + tables};
  table_memory.usable_count = 1;
  EarlyAllocator bump(table_memory, &table_reserved);
  if (!build_direct_map(memory_end, &bump))
    return too_small(information, "no room for page tables");

  frame_states = static_cast<FrameState*>(phys_to_virt(PhysAddr(region)));
  bool all_added = true;
  allocator.with([&](FrameAllocator& frames) {
    frames.buddy.initialise(frame_states, link_of, static_cast<uint32_t>(frame_count));
    for (unsigned i = 0; i < information.usable_count; ++i) {
      uint64_t at = information.usable[i].start;
      const uint64_t end = information.usable[i].end;
      for (unsigned j = 0; j <= reserved.count; ++j) {
        const uint64_t hole_end = j < reserved.count ? min_of(reserved.ranges[j].start, end) : end;
        if (at < hole_end)
          all_added &= frames.buddy.add_range(static_cast<uint32_t>(at >> kPageShift),
                                              static_cast<uint32_t>((hole_end - at) >> kPageShift));
        if (j < reserved.count && at < reserved.ranges[j].end) at = reserved.ranges[j].end;
        if (at >= end) break;
      }
    }
  });
  if (!all_added) return "the memory map has too many pieces";
  protect_direct_map(information.base.start, information.base.end);
  protect_direct_map(information.initrd.start, information.initrd.end);
  if (frame_statistics().free < kSmallestApplication)
    return too_small(information, "not enough is left for the application");
  return nullptr;
}

bool map_persistent_memory(const PhysicalRange& range) {
  if (range.end <= memory_end) return true;  // between pieces of RAM, which the direct map covers
  if (range.start < memory_end || range.end > kPhysicalLimit) return false;
  constexpr uint64_t kTableFlags = kPagePresent | kPageWrite;
  for (uint64_t address = align_down(range.start, kLargePageSize); address < range.end;
       address += kLargePageSize) {
    const uint64_t target = direct_map_base + address;
    PhysAddr table = root_table();
    for (unsigned level = 4; level > 2; --level) {
      uint64_t& entry = static_cast<uint64_t*>(phys_to_virt(table))[level_index(target, level)];
      if (!entry) {
        Result<PhysAddr> made = allocate_frame();
        if (made.is_error()) return false;
        entry = made.value().value | kTableFlags;
      }
      table = PhysAddr(entry & kPageAddressMask);
    }
    uint64_t& leaf = static_cast<uint64_t*>(phys_to_virt(table))[level_index(target, 2)];
    leaf = address | kPagePresent | kPageNoExecute | kPageGlobal | kPageLarge;
  }
  return true;
}

uint64_t physical_memory_size() { return memory_size; }

void* phys_to_virt(PhysAddr address) {
  return reinterpret_cast<void*>(direct_map_base + address.value);
}

PhysAddr virt_to_phys(const void* pointer) {
  return PhysAddr(reinterpret_cast<uint64_t>(pointer) - direct_map_base);
}

Result<PhysAddr> allocate_frames(unsigned order) {
  const uint32_t frame =
      allocator.with([order](FrameAllocator& frames) { return frames.buddy.allocate(order); });
  if (frame == BuddyAllocator::kNone) return Errno::NoMemory;
  const PhysAddr address(static_cast<uint64_t>(frame) << kPageShift);
  memset(phys_to_virt(address), 0, kPageSize << order);
  return address;
}

Result<PhysAddr> allocate_frame() { return allocate_frames(0); }

Result<PhysAddr> allocate_frame_uninitialised() {
  const uint32_t frame =
      allocator.with([](FrameAllocator& frames) { return frames.buddy.allocate(0); });
  if (frame == BuddyAllocator::kNone) return Errno::NoMemory;
  return PhysAddr(static_cast<uint64_t>(frame) << kPageShift);
}

void free_frames(PhysAddr first, unsigned order) {
  allocator.with([first, order](FrameAllocator& frames) {
    frames.buddy.free(static_cast<uint32_t>(first.frame_number()), order);
  });
}

void retain_frame(PhysAddr frame) {
  allocator.with([frame](FrameAllocator& frames) {
    if (frames.buddy.is_managed(frame.frame_number()))
      ++frames.buddy.state(static_cast<uint32_t>(frame.frame_number())).value;
  });
}

void release_frame(PhysAddr frame) {
  allocator.with([frame](FrameAllocator& frames) {
    if (!frames.buddy.is_managed(frame.frame_number())) return;
    const uint32_t number = static_cast<uint32_t>(frame.frame_number());
    RUNTIME_ASSERT(!frames.buddy.is_free(number));
    if (--frames.buddy.state(number).value == 0) frames.buddy.free(number, 0);
  });
}

FrameStatistics frame_statistics() {
  return allocator.with([](FrameAllocator& frames) {
    FrameStatistics statistics;
    statistics.total = memory_size;
    statistics.free = static_cast<uint64_t>(frames.buddy.free_frames()) * kPageSize;
    statistics.image = reserved_image;
    return statistics;
  });
}

}  // namespace runtime
