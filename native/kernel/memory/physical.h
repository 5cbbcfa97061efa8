// Start-up of physical memory: the direct map and the frame allocator.
//
// Virtual memory, one address space for all (root entries of 512 GiB each):
//   entries 0 to 255    the application (lower half); 0 to 64 KiB never mapped
//   entries 256 to 383  the direct map of physical memory, at a random 1 GiB step
//   entries 400 to 463  kernel stacks and device registers, at a random 2 MiB step
//   entry   511         the kernel's image, at a random 2 MiB step
#pragma once

#include "boot/boot_information.h"
#include "lib/result.h"
#include "lib/types.h"

namespace runtime {

/// Builds the direct map and hands all usable memory that the image, the initrd and the loader's data
/// do not occupy to the frame allocator. Leaves the boot identity map in place. On failure returns a
/// sentence that says what is missing.
const char* physical_memory_initialise(const BootInformation& information, bool fixed_layout);

/// Makes memory that is no RAM visible through phys_to_virt, for reading. Returns false when there is no memory for
/// page tables, or the range begins in RAM or ends beyond what the direct map has room for.
bool map_persistent_memory(const PhysicalRange& range);

/// Bytes of physical memory that the machine has.
uint64_t physical_memory_size();
/// Physical address of the root page table.
PhysAddr root_table();

}  // namespace runtime
