#include "host_memory.h"

#include <sys/mman.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "lib/format.h"
#include "lib/new.h"
#include "memory/buddy.h"
#include "memory/frames.h"
#include "memory/page_table.h"
#include "sync/spinlock.h"

using runtime::BuddyAllocator;
using runtime::FrameState;
using runtime::kPageShift;
using runtime::kPageSize;
using runtime::PhysAddr;

namespace host_memory {

namespace {

constexpr uint64_t kBytes = kMaximumFrames * kPageSize;
constexpr uint32_t kFirstFrame = kFirstAddress >> kPageShift;
constexpr int kFreshByte = 0xa5;  // nobody may count on zeroes,
constexpr int kFreedByte = 0x5a;  // nor on content that was given back

char* memory = nullptr;
std::vector<FrameState> states;
BuddyAllocator frames;
int64_t requests_left = -1;
uint32_t allocation_to_fail = 0;
uint64_t allocations = 0;

BuddyAllocator::Link* link_of(uint32_t frame) {
  return static_cast<BuddyAllocator::Link*>(
      runtime::phys_to_virt(PhysAddr(static_cast<uint64_t>(frame) << kPageShift)));
}

}  // namespace

void reset_frames(uint32_t count) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (memory ? MAP_FIXED : 0);
  void* mapped = mmap(memory, kBytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (mapped == MAP_FAILED || count > kMaximumFrames)
    runtime::panic("no memory for %u frames", count);
  memory = static_cast<char*>(mapped);
  states.resize(kFirstFrame + kMaximumFrames);
  frames.initialise(states.data(), link_of, kFirstFrame + kMaximumFrames);
  RUNTIME_ASSERT(frames.add_range(kFirstFrame, count));
  requests_left = -1;
}

uint32_t frames_in_use() { return frames.managed_frames() - frames.free_frames(); }
void limit_frames(int64_t count) { requests_left = count; }

void fail_allocation(uint32_t which) { allocation_to_fail = which; }
bool allocation_fails() { return allocation_to_fail != 0 && --allocation_to_fail == 0; }
uint64_t allocations_in_use() { return allocations; }

namespace {

runtime::Result<PhysAddr> take_frames(unsigned order, int content) {
  if (requests_left == 0) return runtime::Errno::NoMemory;
  const uint32_t frame = frames.allocate(order);
  if (frame == BuddyAllocator::kNone) return runtime::Errno::NoMemory;
  if (requests_left > 0) --requests_left;
  const PhysAddr address(static_cast<uint64_t>(frame) << kPageShift);
  memset(runtime::phys_to_virt(address), content, kPageSize << order);
  return address;
}

}  // namespace

}  // namespace host_memory

void* operator new(size_t size, host_memory::Heap) noexcept {
  return host_memory::allocation_fails() ? nullptr : ::operator new(size);
}

namespace runtime {

using host_memory::frames;
using host_memory::kBytes;
using host_memory::kFirstAddress;
using host_memory::memory;
using host_memory::take_frames;

Result<PhysAddr> allocate_frame() { return take_frames(0, 0); }
Result<PhysAddr> allocate_frame_uninitialised() { return take_frames(0, host_memory::kFreshByte); }
Result<PhysAddr> allocate_frames(unsigned order) { return take_frames(order, 0); }

void free_frames(PhysAddr first, unsigned order) {
  memset(phys_to_virt(first), host_memory::kFreedByte, kPageSize << order);
  frames.free(static_cast<uint32_t>(first.frame_number()), order);
}

void retain_frame(PhysAddr frame) {
  if (frames.is_managed(frame.frame_number()))
    ++frames.state(static_cast<uint32_t>(frame.frame_number())).value;
}

void release_frame(PhysAddr frame) {
  if (!frames.is_managed(frame.frame_number())) return;
  const uint32_t number = static_cast<uint32_t>(frame.frame_number());
  RUNTIME_ASSERT(!frames.is_free(number));
  if (--frames.state(number).value == 0) free_frames(frame, 0);
}

void* phys_to_virt(PhysAddr address) {
  RUNTIME_ASSERT(address.value >= kFirstAddress && address.value < kFirstAddress + kBytes);
  return memory + (address.value - kFirstAddress);
}

PhysAddr virt_to_phys(const void* pointer) {
  const uint64_t offset = static_cast<uint64_t>(static_cast<const char*>(pointer) - memory);
  RUNTIME_ASSERT(offset < kBytes);
  return PhysAddr(kFirstAddress + offset);
}

void* allocate(size_t size) {
  if (host_memory::allocation_fails()) return nullptr;
  void* block = malloc(size);
  memset(block, host_memory::kFreshByte, size);
  ++host_memory::allocations;
  return block;
}

void deallocate(void* block) {
  if (!block) return;
  --host_memory::allocations;
  free(block);
}

bool SpinLock::lock() {
  RUNTIME_ASSERT(!taken_);  // one thread: a second lock would never return
  taken_ = true;
  return true;
}

void SpinLock::unlock(bool) { taken_ = false; }

bool other_cpus_may_translate() { return false; }
void flush_everywhere(const uint64_t*, unsigned) {}

void panic(const char* pattern, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, pattern);
  format_list(line, sizeof(line), pattern, arguments);
  va_end(arguments);
  fprintf(stderr, "panic: %s\n", line);
  abort();
}

}  // namespace runtime
