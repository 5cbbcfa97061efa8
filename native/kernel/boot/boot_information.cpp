// Sources: Xen public/arch-x86/hvm/start_info.h (PVH), Multiboot2 specification 3.6, UEFI 2.10, 7.2.3
// (GetMemoryMap).
#include "boot/boot_information.h"

#include "lib/string.h"

namespace runtime {

namespace {

struct PvhStartInfo {
  uint32_t magic;
  uint32_t version;
  uint32_t flags;
  uint32_t module_count;
  uint64_t modules;
  uint64_t command_line;
  uint64_t rsdp;
  uint64_t memory_map;
  uint32_t memory_map_count;
  uint32_t reserved;
};

struct PvhModule {
  uint64_t address;
  uint64_t size;
  uint64_t command_line;
  uint64_t reserved;
};

/// The same in both protocols; multiboot2 may put more behind each entry.
struct MemoryMapEntry {
  uint64_t address;
  uint64_t size;
  uint32_t type;
  uint32_t reserved;
};

constexpr uint32_t kPvhMagic = 0x336ec578;
constexpr uint32_t kTypeUsable = 1;

template <typename T>
const T* identity(uint64_t address) {
  return reinterpret_cast<const T*>(address);
}

/// Adds whole pages, joined with the ranges that they overlap or touch. What finds no room is lost.
void add_usable(BootInformation* information, uint64_t start, uint64_t size) {
  PhysicalRange range = {align_up(start, kPageSize), align_down(start + size, kPageSize)};
  const bool wraps = start + size < start || range.start < start;
  if (wraps || range.end <= range.start) return;
  PhysicalRange* const usable = information->usable;
  unsigned& count = information->usable_count;
  unsigned first = 0;
  while (first < count && usable[first].end < range.start) ++first;
  unsigned after = first;
  for (; after < count && usable[after].start <= range.end; ++after) {
    range.start = min_of(range.start, usable[after].start);
    range.end = max_of(range.end, usable[after].end);
  }
  if (after == first) {
    if (count == BootInformation::kMaximumRanges) return;
    memmove(usable + first + 1, usable + first, (count - first) * sizeof(range));
    ++count;
  } else {
    memmove(usable + first + 1, usable + after, (count - after) * sizeof(range));
    count -= after - first - 1;
  }
  usable[first] = range;
}

/// Takes out every page that has a part in the range.
void remove_usable(BootInformation* information, uint64_t start, uint64_t size) {
  if (size == 0) return;
  const uint64_t last = start + size < start ? UINT64_MAX : start + size - 1;
  const PhysicalRange hole = {align_down(start, kPageSize),
                              align_down(last, kPageSize) + kPageSize};
  const bool reaches_top = hole.end == 0;
  PhysicalRange* const usable = information->usable;
  unsigned& count = information->usable_count;
  for (unsigned i = 0; i < count;) {
    const PhysicalRange whole = usable[i];
    if (whole.end <= hole.start || (!reaches_top && hole.end <= whole.start)) {
      ++i;
      continue;
    }
    memmove(usable + i, usable + i + 1, (count - i - 1) * sizeof(whole));
    --count;
    if (whole.start < hole.start) add_usable(information, whole.start, hole.start - whole.start);
    if (!reaches_top && hole.end < whole.end)
      add_usable(information, hole.end, whole.end - hole.end);
    // The pieces do not overlap the hole: passing over them again ends.
  }
}

/// Firmware may report memory as usable and as reserved: then it is reserved.
void read_memory_map(uint64_t first, uint64_t entry_size, uint64_t count,
                     BootInformation* information) {
  for (uint64_t i = 0; i < count; ++i) {
    const MemoryMapEntry* entry = identity<MemoryMapEntry>(first + i * entry_size);
    if (entry->type == kTypeUsable) add_usable(information, entry->address, entry->size);
  }
  for (uint64_t i = 0; i < count; ++i) {
    const MemoryMapEntry* entry = identity<MemoryMapEntry>(first + i * entry_size);
    if (entry->type != kTypeUsable) remove_usable(information, entry->address, entry->size);
  }
}

/// EFI_MEMORY_DESCRIPTOR; firmware may put more behind each.
struct EfiMemoryDescriptor {
  uint32_t type;
  uint32_t padding;
  uint64_t address;
  uint64_t virtual_address;
  uint64_t pages;
  uint64_t attributes;
};
constexpr uint64_t kEfiSpecificPurpose = 0x40000;
constexpr uint64_t kMostPages = UINT64_MAX >> kPageShift;

/// The loader's own memory, that of the boot services, which are over, and what nobody used.
bool is_free_after_boot(const EfiMemoryDescriptor& descriptor) {
  constexpr uint32_t kLoaderCode = 1, kBootServicesData = 4, kConventional = 7;
  const bool is_free = (descriptor.type >= kLoaderCode && descriptor.type <= kBootServicesData) ||
                       descriptor.type == kConventional;
  return is_free && !(descriptor.attributes & kEfiSpecificPurpose);
}

/// The same for the map that UEFI firmware gives: more exact than what a loader makes of it.
void read_efi_memory_map(uint64_t first, uint64_t entry_size, uint64_t count,
                         BootInformation* information) {
  for (uint64_t i = 0; i < count; ++i) {
    const auto* entry = identity<EfiMemoryDescriptor>(first + i * entry_size);
    if (is_free_after_boot(*entry) && entry->pages <= kMostPages)
      add_usable(information, entry->address, entry->pages << kPageShift);
  }
  for (uint64_t i = 0; i < count; ++i) {
    const auto* entry = identity<EfiMemoryDescriptor>(first + i * entry_size);
    if (!is_free_after_boot(*entry))
      remove_usable(information, entry->address, min_of(entry->pages, kMostPages) << kPageShift);
  }
}

void copy_command_line(BootInformation* information, const char* text) {
  size_t length = 0;
  while (text[length] && length + 1 < BootInformation::kCommandLineCapacity) ++length;
  memcpy(information->command_line, text, length);
  information->command_line[length] = 0;
  information->command_line_was_cut = text[length] != 0;
}

const char* read_pvh(const PvhStartInfo* start, BootInformation* information) {
  if (start->magic != kPvhMagic) return "the PVH start information has a wrong magic number";
  information->loader = "PVH";
  if (start->command_line) copy_command_line(information, identity<char>(start->command_line));
  information->rsdp = PhysAddr(start->rsdp);
  if (start->version >= 1 && start->memory_map)
    read_memory_map(start->memory_map, sizeof(MemoryMapEntry), start->memory_map_count,
                    information);
  if (start->module_count > 0 && start->modules) {
    const PvhModule* module = identity<PvhModule>(start->modules);
    information->initrd = {module->address, module->address + module->size};
  }
  return information->usable_count ? nullptr : "the PVH loader gave no memory map";
}

struct MultibootTag {
  uint32_t type;
  uint32_t size;
};

struct MultibootModule {
  MultibootTag tag;
  uint32_t start;
  uint32_t end;
};

struct MultibootMemoryMap {
  MultibootTag tag;
  uint32_t entry_size;
  uint32_t entry_version;
};

struct MultibootEfiMemoryMap {
  MultibootTag tag;
  uint32_t descriptor_size;
  uint32_t descriptor_version;
};

constexpr uint32_t kTagEnd = 0;
constexpr uint32_t kTagCommandLine = 1;
constexpr uint32_t kTagModule = 3;
constexpr uint32_t kTagMemoryMap = 6;
constexpr uint32_t kTagFramebuffer = 8;
constexpr uint32_t kTagAcpiOld = 14;
constexpr uint32_t kTagAcpiNew = 15;
constexpr uint32_t kTagEfiMemoryMap = 17;

struct __attribute__((packed)) MultibootFramebuffer {
  MultibootTag tag;
  uint64_t address;
  uint32_t pitch;
  uint32_t width;
  uint32_t height;
  uint8_t bits_per_pixel;
  uint8_t type;
  uint16_t reserved;
  ColourField red, green, blue;  // for kDirectColour
};
constexpr uint8_t kDirectColour = 1;
/// Beyond these the loader must be wrong: no screen is that large.
constexpr uint32_t kMostPixels = 16384;

/// Takes the framebuffer in when it is one that pixels can be written to.
void read_framebuffer(BootInformation* information, const MultibootFramebuffer* tag) {
  if (tag->tag.size < sizeof(*tag) || tag->type != kDirectColour || tag->address == 0) return;
  const uint32_t bits = tag->bits_per_pixel;
  if (bits != 15 && bits != 16 && bits != 24 && bits != 32) return;
  if (tag->width == 0 || tag->height == 0) return;
  if (tag->width > kMostPixels || tag->height > kMostPixels) return;
  const uint32_t bytes = (bits + 7) / 8;
  if (tag->pitch < tag->width * bytes || tag->pitch > 8 * kMostPixels) return;
  const ColourField* const fields[] = {&tag->red, &tag->green, &tag->blue};
  for (const ColourField* field : fields)
    if (field->size > 8 || field->position + field->size > 8 * bytes) return;
  BootFramebuffer& framebuffer = information->framebuffer;
  framebuffer.address = tag->address;
  framebuffer.width = tag->width;
  framebuffer.height = tag->height;
  framebuffer.pitch = tag->pitch;
  framebuffer.bits_per_pixel = bits;
  framebuffer.red = tag->red;
  framebuffer.green = tag->green;
  framebuffer.blue = tag->blue;
}

void copy_root_pointer(BootInformation* information, const MultibootTag* tag) {
  const size_t size = min_of<size_t>(tag->size - sizeof(*tag), sizeof(information->rsdp_copy));
  memset(information->rsdp_copy, 0, sizeof(information->rsdp_copy));
  memcpy(information->rsdp_copy, tag + 1, size);
  information->has_rsdp_copy = true;
}

/// Reads the best memory map of those that the loader gave.
void read_multiboot2_memory(const MultibootMemoryMap* map, const MultibootEfiMemoryMap* efi,
                            BootInformation* information) {
  if (efi && efi->descriptor_size >= sizeof(EfiMemoryDescriptor) && efi->tag.size >= sizeof(*efi)) {
    information->loader = "multiboot2 under UEFI";
    read_efi_memory_map(reinterpret_cast<uint64_t>(efi + 1), efi->descriptor_size,
                        (efi->tag.size - sizeof(*efi)) / efi->descriptor_size, information);
    if (information->usable_count) return;
  }
  if (map && map->entry_size >= sizeof(MemoryMapEntry) && map->tag.size >= sizeof(*map))
    read_memory_map(reinterpret_cast<uint64_t>(map + 1), map->entry_size,
                    (map->tag.size - sizeof(*map)) / map->entry_size, information);
}

const char* read_multiboot2(uint64_t address, BootInformation* information) {
  information->loader = "multiboot2";
  const MultibootMemoryMap* map = nullptr;
  const MultibootEfiMemoryMap* efi_map = nullptr;
  const uint32_t total = *identity<uint32_t>(address);
  for (uint64_t at = address + 8; at + sizeof(MultibootTag) <= address + total;) {
    const MultibootTag* tag = identity<MultibootTag>(at);
    if (tag->type == kTagEnd || tag->size < sizeof(MultibootTag)) break;
    switch (tag->type) {
      case kTagCommandLine:
        copy_command_line(information, identity<char>(at + sizeof(MultibootTag)));
        break;
      case kTagModule: {
        const MultibootModule* module = identity<MultibootModule>(at);
        if (information->initrd.end == 0) information->initrd = {module->start, module->end};
        break;
      }
      case kTagMemoryMap:
        map = identity<MultibootMemoryMap>(at);
        break;
      case kTagEfiMemoryMap:
        efi_map = identity<MultibootEfiMemoryMap>(at);
        break;
      case kTagFramebuffer:
        read_framebuffer(information, identity<MultibootFramebuffer>(at));
        break;
      case kTagAcpiOld:
        if (!information->has_rsdp_copy) copy_root_pointer(information, tag);
        break;
      case kTagAcpiNew:
        copy_root_pointer(information, tag);
        break;
      default:
        break;
    }
    at += align_up(tag->size, 8);
  }
  read_multiboot2_memory(map, efi_map, information);
  return information->usable_count ? nullptr : "the multiboot2 loader gave no memory map";
}

}  // namespace

const char* read_boot_information(uint64_t kind, uint64_t address, BootInformation* information) {
  information->command_line[0] = 0;
  if (kind == 1) return read_pvh(identity<PvhStartInfo>(address), information);
  if (kind == 2) return read_multiboot2(address, information);
  return "started by an unknown loader; use QEMU's -kernel (PVH) or a multiboot2 loader";
}

}  // namespace runtime
