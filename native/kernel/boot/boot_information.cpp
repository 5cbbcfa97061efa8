// Sources: Xen public/arch-x86/hvm/start_info.h (PVH), Multiboot2 specification 3.6.
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

struct PvhMemoryEntry {
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

void add_usable(BootInformation* information, uint64_t start, uint64_t size) {
  PhysicalRange range = {align_up(start, kPageSize), align_down(start + size, kPageSize)};
  if (size == 0 || start + size < start || range.end <= range.start) return;
  if (information->usable_count == BootInformation::kMaximumRanges) return;
  unsigned at = information->usable_count++;
  while (at > 0 && information->usable[at - 1].start > range.start) {
    information->usable[at] = information->usable[at - 1];
    --at;
  }
  information->usable[at] = range;
}

/// Firmware may report overlapping entries: keep each frame once.
void cut_overlaps(BootInformation* information) {
  unsigned kept = 0;
  uint64_t covered = 0;
  for (unsigned i = 0; i < information->usable_count; ++i) {
    PhysicalRange range = information->usable[i];
    if (range.start < covered) range.start = covered;
    if (range.end <= range.start) continue;
    covered = range.end;
    information->usable[kept++] = range;
  }
  information->usable_count = kept;
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
  if (start->version < 1 || !start->memory_map) return "the PVH loader gave no memory map";
  const PvhMemoryEntry* entries = identity<PvhMemoryEntry>(start->memory_map);
  for (uint32_t i = 0; i < start->memory_map_count; ++i)
    if (entries[i].type == kTypeUsable)
      add_usable(information, entries[i].address, entries[i].size);
  if (start->module_count > 0 && start->modules) {
    const PvhModule* module = identity<PvhModule>(start->modules);
    information->initrd = {module->address, module->address + module->size};
  }
  return nullptr;
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

struct MultibootMemoryEntry {
  uint64_t address;
  uint64_t size;
  uint32_t type;
  uint32_t reserved;
};

constexpr uint32_t kTagEnd = 0;
constexpr uint32_t kTagCommandLine = 1;
constexpr uint32_t kTagModule = 3;
constexpr uint32_t kTagMemoryMap = 6;
constexpr uint32_t kTagAcpiOld = 14;
constexpr uint32_t kTagAcpiNew = 15;

const char* read_multiboot2(uint64_t address, BootInformation* information) {
  information->loader = "multiboot2";
  const uint32_t total = *identity<uint32_t>(address);
  bool has_map = false;
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
      case kTagMemoryMap: {
        const MultibootMemoryMap* map = identity<MultibootMemoryMap>(at);
        if (map->entry_size < sizeof(MultibootMemoryEntry)) break;
        has_map = true;
        for (uint64_t entry = at + sizeof(*map); entry + map->entry_size <= at + tag->size;
             entry += map->entry_size) {
          const MultibootMemoryEntry* memory = identity<MultibootMemoryEntry>(entry);
          if (memory->type == kTypeUsable) add_usable(information, memory->address, memory->size);
        }
        break;
      }
      case kTagAcpiOld:
        if (information->rsdp.value == 0) information->rsdp = PhysAddr(at + sizeof(MultibootTag));
        break;
      case kTagAcpiNew:
        information->rsdp = PhysAddr(at + sizeof(MultibootTag));
        break;
      default:
        break;
    }
    at += align_up(tag->size, 8);
  }
  return has_map ? nullptr : "the multiboot2 loader gave no memory map";
}

}  // namespace

const char* read_boot_information(uint64_t kind, uint64_t address, BootInformation* information) {
  information->command_line[0] = 0;
  const char* problem;
  if (kind == 1) {
    problem = read_pvh(identity<PvhStartInfo>(address), information);
  } else if (kind == 2) {
    problem = read_multiboot2(address, information);
  } else {
    return "started by an unknown loader; use QEMU's -kernel (PVH) or a multiboot2 loader";
  }
  cut_overlaps(information);
  return problem;
}

}  // namespace runtime
