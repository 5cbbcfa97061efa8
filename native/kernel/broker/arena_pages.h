// Address space and frames under the arena: the part that needs page tables.
#pragma once

#include "lib/result.h"
#include "lib/types.h"

namespace runtime {

/// Reserves `size` bytes of address space in the application's half, aligned to 2 MiB, with nothing
/// behind it. Errors: NoMemory.
Result<uint64_t> reserve_arena(uint64_t size);
/// Where it is to be reserved if there is room.
void prefer_arena_address(uint64_t address);

/// Puts zeroed frames behind `pages` pages from `address` on, a power of two; with `contiguous` in one
/// piece, at most 1024. Returns the bus address of the first. Errors: NoMemory (nothing has changed).
Result<PhysAddr> map_arena_pages(uint64_t address, uint32_t pages, bool contiguous);

/// Gives the frames back; touching the pages faults from then on.
void unmap_arena_pages(uint64_t address, uint32_t pages);

}  // namespace runtime
