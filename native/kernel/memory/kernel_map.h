// Start-up of the region for kernel stacks and device registers, and the page-table side of it.
#pragma once

#include "lib/result.h"
#include "lib/types.h"

namespace runtime {

void kernel_map_initialise(bool fixed_layout);

/// Maps fresh zeroed frames at a kernel address. Errors: NoMemory, and some pages may be mapped.
Result<void> map_kernel_pages(uint64_t address, size_t pages);
/// Maps frames that the caller holds, contiguous from `first` on; unmap_kernel_pages drops the reference
/// to each. Errors: NoMemory (nothing is mapped).
Result<void> map_kernel_frames(uint64_t address, PhysAddr first, size_t pages);
void unmap_kernel_pages(uint64_t address, size_t pages);
/// Maps device registers uncached at a kernel address. Errors: NoMemory.
Result<void> map_kernel_device(uint64_t address, PhysAddr physical, size_t pages);
/// How many copies copy-on-write made.
uint64_t copy_on_write_copies();

}  // namespace runtime
