// Heap, page frames and application memory. Addresses below 64 KiB stand for unmapped memory.
#include <stdlib.h>
#include <string.h>

#include <atomic>

#include "host.h"
#include "lib/format.h"
#include "lib/new.h"
#include "memory/frames.h"
#include "memory/mappable.h"

namespace host {

namespace {

std::atomic<int64_t> frame_count{0};
std::atomic<int64_t> frame_limit{-1};

/// A frame is a host page with its reference count in front.
struct Frame {
  std::atomic<int64_t> references;
};
Frame* frame_of(runtime::PhysAddr address) {
  return reinterpret_cast<Frame*>(address.value - sizeof(Frame));
}

constexpr uint64_t kUnmappedEnd = 64 * 1024;

}  // namespace

int64_t frames_in_use() { return frame_count; }
void limit_frames(int64_t count) { frame_limit = count; }

}  // namespace host

namespace runtime {

void* allocate(size_t size) { return malloc(size); }
void deallocate(void* memory) { free(memory); }

Result<PhysAddr> allocate_frame_uninitialised() {
  if (host::frame_limit == 0) return Errno::NoMemory;
  if (host::frame_limit > 0) --host::frame_limit;
  // The page itself is aligned: the count takes the end of the page before it.
  auto* block = static_cast<char*>(aligned_alloc(kPageSize, 2 * kPageSize));
  if (!block) return Errno::NoMemory;
  const PhysAddr address(reinterpret_cast<uint64_t>(block) + kPageSize);
  host::frame_of(address)->references = 1;
  ++host::frame_count;
  return address;
}

Result<PhysAddr> allocate_frame() {
  Result<PhysAddr> frame = allocate_frame_uninitialised();
  if (!frame.is_error()) memset(phys_to_virt(frame.value()), 0, kPageSize);
  return frame;
}

void retain_frame(PhysAddr frame) { ++host::frame_of(frame)->references; }

void release_frame(PhysAddr frame) {
  if (--host::frame_of(frame)->references > 0) return;
  free(reinterpret_cast<char*>(frame.value) - kPageSize);
  --host::frame_count;
}

void* phys_to_virt(PhysAddr address) { return reinterpret_cast<void*>(address.value); }
PhysAddr virt_to_phys(const void* pointer) { return PhysAddr(reinterpret_cast<uint64_t>(pointer)); }

FrameStatistics frame_statistics() { return FrameStatistics{1 << 29, 1 << 28, 0}; }
void unmap_object_pages(Mappable*, uint64_t, uint64_t, PrivateCopies) {}

}  // namespace runtime

/// As in arch/x86_64: bytes that were not copied. Under a spinlock a page fault could not be served.
extern "C" uint64_t copy_bytes_guarded(void* destination, const void* source, uint64_t size) {
  RUNTIME_ASSERT(host::held_lock_ranks() == 0);
  if (size == 0) return 0;
  if (reinterpret_cast<uint64_t>(destination) < host::kUnmappedEnd) return size;
  if (reinterpret_cast<uint64_t>(source) < host::kUnmappedEnd) return size;
  memcpy(destination, source, size);
  return 0;
}

extern "C" uint64_t clear_bytes_guarded(void* destination, uint64_t size) {
  if (size == 0) return 0;
  if (reinterpret_cast<uint64_t>(destination) < host::kUnmappedEnd) return size;
  memset(destination, 0, size);
  return 0;
}
