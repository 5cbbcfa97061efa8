// Unmapped pages of the arena are out of reach: a late access ends the test with a signal, as it would
// end the machine.
#include "host_pages.h"

#include <sys/mman.h>

#include <atomic>

#include "broker/arena_pages.h"

namespace host {

namespace {

std::atomic<int64_t> page_count{0};
std::atomic<int64_t> page_limit{-1};

}  // namespace

int64_t arena_pages() { return page_count; }
void limit_arena_pages(int64_t count) { page_limit = count; }

}  // namespace host

namespace runtime {

Result<uint64_t> reserve_arena(uint64_t size) {
  void* const address =
      mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return Errno::NoMemory;
  return reinterpret_cast<uint64_t>(address);
}

Result<PhysAddr> map_arena_pages(uint64_t address, uint32_t pages, bool contiguous) {
  if (host::page_limit >= 0) {
    if (host::page_limit < pages) return Errno::NoMemory;
    host::page_limit -= pages;
  }
  if (mprotect(reinterpret_cast<void*>(address), pages * kPageSize, PROT_READ | PROT_WRITE)) {
    return Errno::NoMemory;
  }
  host::page_count += pages;
  return PhysAddr(contiguous ? address : 0);  // any number will do
}

void unmap_arena_pages(uint64_t address, uint32_t pages) {
  void* const memory = reinterpret_cast<void*>(address);
  madvise(memory, pages * kPageSize, MADV_DONTNEED);
  mprotect(memory, pages * kPageSize, PROT_NONE);
  host::page_count -= pages;
}

}  // namespace runtime
