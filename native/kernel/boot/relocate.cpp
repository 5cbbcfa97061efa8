// Gives the kernel a random virtual home: maps it there page by page with the right permissions and
// applies its relocations. Runs once, from the physical address, before any pointer in data is valid,
// so nothing here may use a table of pointers or a virtual call.
#include <stddef.h>
#include <stdint.h>

#include "arch/x86_64/paging.h"
#include "boot/image_layout.h"
#include "lib/types.h"

namespace runtime {

namespace {

struct RelocationEntry {
  uint64_t offset;
  uint64_t info;
  int64_t addend;
};
constexpr uint64_t kRelative = 8;  // R_X86_64_RELATIVE

constexpr uint64_t kFixedBase = 0xffffffff80000000ull;
constexpr uint64_t kRegionStart = 0xffffff8000000000ull;  // the last 512 GiB
constexpr uint64_t kRegionChoices = 262144 - 16;          // 2 MiB steps

/// A table for each level below the root; the image spans at most 8 directory entries (16 MiB).
struct BootTables {
  uint64_t pdpt[512];
  uint64_t directories[2][512];
  uint64_t tables[9][512];
} __attribute__((aligned(4096)));
BootTables boot_tables;

uint64_t read_tsc() {
  uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return static_cast<uint64_t>(high) << 32 | low;
}

bool cpu_has(uint32_t leaf, unsigned ecx_bit) {
  uint32_t eax = leaf, ebx, ecx = 0, edx;
  asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return ecx >> ecx_bit & 1;
}

uint64_t random_word() {
  uint64_t word = read_tsc();
  if (cpu_has(1, 30)) {
    for (unsigned attempt = 0; attempt < 10; ++attempt) {
      uint64_t value;
      bool valid;
      asm volatile("rdrand %0" : "=r"(value), "=@ccc"(valid));
      if (valid) return value ^ word * 0x9e3779b97f4a7c15ull;
    }
  }
  word ^= word >> 29;
  return word * 0x9e3779b97f4a7c15ull >> 7;
}

/// Looks for the word `layout=fixed` on the loader's command line, before it is parsed properly.
bool fixed_layout_wanted() {
  const char* text = nullptr;
  if (boot_kind == 1) {
    text = reinterpret_cast<const char*>(
        *reinterpret_cast<const uint64_t*>(boot_information + 24));  // hvm_start_info.cmdline_paddr
  } else if (boot_kind == 2) {
    const uint32_t total = *reinterpret_cast<const uint32_t*>(boot_information);
    for (uint64_t at = boot_information + 8; at < boot_information + total;) {
      const uint32_t* tag = reinterpret_cast<const uint32_t*>(at);
      if (tag[0] == 0 || tag[1] < 8) break;
      if (tag[0] == 1) text = reinterpret_cast<const char*>(at + 8);
      at += align_up(tag[1], 8);
    }
  }
  if (!text) return false;
  for (; *text; ++text) {
    const char wanted[] = {'l', 'a', 'y', 'o', 'u', 't', '=', 'f', 'i', 'x', 'e', 'd'};
    size_t i = 0;
    while (i < sizeof(wanted) && text[i] == wanted[i]) ++i;
    if (i == sizeof(wanted)) return true;
  }
  return false;
}

}  // namespace

#pragma GCC visibility push(hidden)
extern "C" RelocationEntry relocations_start[], relocations_end[];
#pragma GCC visibility pop

/// Returns the virtual address of the kernel's start.
extern "C" uint64_t boot_relocate() {
  const uint64_t physical = reinterpret_cast<uint64_t>(kernel_start);
  const uint64_t base = fixed_layout_wanted()
                            ? kFixedBase
                            : kRegionStart + random_word() % kRegionChoices * kLargePageSize;
  const uint64_t size = kernel_size();
  const uint64_t first_table = base >> 21;

  uint64_t* root;
  asm volatile("mov %%cr3, %0" : "=r"(root));
  root[base >> 39 & 511] = reinterpret_cast<uint64_t>(boot_tables.pdpt) | kPagePresent | kPageWrite;
  for (uint64_t offset = 0; offset < size; offset += kPageSize) {
    const uint64_t address = base + offset;
    const unsigned directory = (address >> 30) - (base >> 30);
    const unsigned table = (address >> 21) - first_table;
    boot_tables.pdpt[address >> 30 & 511] =
        reinterpret_cast<uint64_t>(boot_tables.directories[directory]) | kPagePresent | kPageWrite;
    boot_tables.directories[directory][address >> 21 & 511] =
        reinterpret_cast<uint64_t>(boot_tables.tables[table]) | kPagePresent | kPageWrite;
    const char* byte = kernel_start + offset;
    uint64_t flags = kPagePresent | kPageGlobal;
    if (byte >= kernel_text_start && byte < kernel_text_end) {
      flags |= 0;
    } else if (byte >= kernel_text_end && byte < kernel_rodata_end) {
      flags |= kPageNoExecute;
    } else {
      flags |= kPageWrite | kPageNoExecute;
    }
    boot_tables.tables[table][address >> 12 & 511] = (physical + offset) | flags;
  }

  for (RelocationEntry* entry = relocations_start; entry < relocations_end; ++entry) {
    if ((entry->info & 0xffffffff) != kRelative) continue;
    *reinterpret_cast<uint64_t*>(physical + entry->offset) =
        base + static_cast<uint64_t>(entry->addend);
  }
  return base;
}

}  // namespace runtime
