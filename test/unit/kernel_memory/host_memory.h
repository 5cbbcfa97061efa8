// The machine under the code that is tested: physical memory is an array, locks only keep order, and
// memory runs out when a test says so.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace host_memory {

/// Where physical memory starts. Not 0, so that a physical address is never taken for a pointer or
/// an offset.
constexpr uint64_t kFirstAddress = 0x1000000;
constexpr uint32_t kMaximumFrames = 16384;

/// Starts over with `count` free frames, at most kMaximumFrames. All content is lost.
void reset_frames(uint32_t count);
uint32_t frames_in_use();
/// Lets `count` more requests for frames succeed; negative: no limit.
void limit_frames(int64_t count);

/// Makes the n-th heap allocation from now fail (1: the next), once; 0: none.
void fail_allocation(uint32_t which);
/// True when the allocation that asks is the one to fail.
bool allocation_fails();
/// Blocks that runtime::allocate gave and runtime::deallocate did not take back.
uint64_t allocations_in_use();

/// For kernel code that says `new T`, which on the host is the C++ library's and never null:
/// `new (kHeap) T` can fail. An ordinary `delete` takes it back.
struct Heap {};
constexpr Heap kHeap;

}  // namespace host_memory

void* operator new(size_t size, host_memory::Heap) noexcept;
