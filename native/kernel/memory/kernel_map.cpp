// Kernel stacks with guard pages and device registers, in a region of their own.
#include "memory/kernel_map.h"

#include "lib/format.h"
#include "lib/vector.h"
#include "linux/process_info.h"
#include "memory/address_space.h"

namespace runtime {

namespace {

constexpr uint64_t kRegionStart = 0xffffc80000000000ull;  // root entry 400

struct KernelMap {
  uint64_t base = 0;
  uint64_t next = 0;
  Vector<uint64_t> free_stacks;  // mapped and ready, all of kKernelStackSize
};
Locked<KernelMap> kernel_map(LockRank::Memory);

/// Reserves `pages` pages plus a guard page before them.
uint64_t reserve(size_t pages) {
  return kernel_map.with([pages](KernelMap& map) {
    const uint64_t address = map.base + map.next + kPageSize;
    map.next += (pages + 1) * kPageSize;
    return address;
  });
}

}  // namespace

void kernel_map_initialise(bool fixed_layout) {
  uint64_t step = 0;
  if (!fixed_layout) random_bytes(&step, sizeof(step));
  kernel_map.with(
      [step](KernelMap& map) { map.base = kRegionStart + step % 4194304 * kLargePageSize; });
}

Result<uint64_t> map_kernel_stack(size_t pages) {
  const uint64_t reused = kernel_map.with([](KernelMap& map) -> uint64_t {
    if (map.free_stacks.is_empty()) return 0;
    const uint64_t address = map.free_stacks.back();
    map.free_stacks.pop();
    return address;
  });
  const uint64_t address = reused ? reused : reserve(pages);
  Result<void> mapped = map_kernel_pages(address, pages);
  if (mapped.is_error()) {
    unmap_kernel_stack(address, pages);
    return mapped.error();
  }
  return address;
}

void unmap_kernel_stack(uint64_t address, size_t pages) {
  unmap_kernel_pages(address, pages);
  // When the list cannot grow the addresses are lost, which the region's size makes harmless.
  kernel_map.with([address](KernelMap& map) { (void)map.free_stacks.push(address).is_error(); });
}

Result<void*> map_device(PhysAddr physical, size_t size) {
  // Before memory is set up, the boot identity map of the first 4 GiB serves.
  const bool is_ready = kernel_map.with([](KernelMap& map) { return map.base != 0; });
  if (!is_ready) return reinterpret_cast<void*>(physical.value);
  const uint64_t first = align_down(physical.value, kPageSize);
  const size_t pages = (align_up(physical.value + size, kPageSize) - first) >> kPageShift;
  const uint64_t address = reserve(pages);
  Result<void> mapped = map_kernel_device(address, PhysAddr(first), pages);
  if (mapped.is_error()) return mapped.error();
  return reinterpret_cast<void*>(address + (physical.value - first));
}

}  // namespace runtime
