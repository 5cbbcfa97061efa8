// The kernel heap: slabs of one page for sizes up to 1 KiB, whole blocks of pages above.
//
// Every block of pages starts with a header, so `deallocate` finds what a pointer belongs to by
// rounding it down to its page: a pointer is never in a later page of a large block.
#include "lib/format.h"
#include "lib/list.h"
#include "lib/new.h"
#include "linux/process_info.h"
#include "memory/buddy.h"
#include "memory/frames.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

constexpr uint32_t kSlabMagic = 0x51ab51ab;
constexpr uint32_t kLargeMagic = 0x1a46e000;
constexpr size_t kClassSizes[] = {32, 48, 64, 96, 128, 192, 256, 336, 496, 672, 1008};
constexpr unsigned kClassCount = sizeof(kClassSizes) / sizeof(kClassSizes[0]);

struct FreeObject {
  FreeObject* next;
};

struct PageHeader {
  uint32_t magic;
  uint16_t kind;  // slab: class; large: order
  uint16_t used;
  FreeObject* free;
  ListNode node;
};
static_assert(sizeof(PageHeader) % 16 == 0, "objects must start 16-byte aligned");

struct Heap {
  List<PageHeader, &PageHeader::node> partial[kClassCount];
  uint64_t bytes = 0;
};
Locked<Heap> heap(LockRank::Heap);

unsigned class_for(size_t size) {
  unsigned index = 0;
  while (kClassSizes[index] < size) ++index;
  return index;
}

void* allocate_large(size_t size) {
  constexpr size_t kLargest = (kPageSize << BuddyAllocator::kMaximumOrder) - sizeof(PageHeader);
  if (size > kLargest) return nullptr;
  unsigned order = 0;
  while ((kPageSize << order) < size + sizeof(PageHeader)) ++order;
  Result<PhysAddr> block = allocate_frames(order);
  if (block.is_error()) return nullptr;
  PageHeader* header = new (phys_to_virt(block.value())) PageHeader();
  header->magic = kLargeMagic;
  header->kind = static_cast<uint16_t>(order);
  heap.with([order](Heap& state) { state.bytes += kPageSize << order; });
  return header + 1;
}

/// Cuts a fresh page into objects and makes it the class's first partial page.
PageHeader* add_slab(Heap& state, unsigned index) {
  Result<PhysAddr> frame = allocate_frame_uninitialised();
  if (frame.is_error()) return nullptr;
  PageHeader* header = new (phys_to_virt(frame.value())) PageHeader();
  header->magic = kSlabMagic;
  header->kind = static_cast<uint16_t>(index);
  header->used = 0;
  header->free = nullptr;
  char* first = reinterpret_cast<char*>(header + 1);
  const size_t count = (kPageSize - sizeof(PageHeader)) / kClassSizes[index];
  for (size_t i = count; i-- > 0;) {
    FreeObject* object = reinterpret_cast<FreeObject*>(first + i * kClassSizes[index]);
    object->next = header->free;
    header->free = object;
  }
  state.partial[index].push_front(header);
  state.bytes += kPageSize;
  return header;
}

}  // namespace

void* allocate(size_t size) {
  if (size > kClassSizes[kClassCount - 1]) return allocate_large(size);
  const unsigned index = class_for(size);
  return heap.with([index](Heap& state) -> void* {
    PageHeader* header = state.partial[index].front();
    if (!header) header = add_slab(state, index);
    if (!header) return nullptr;
    FreeObject* object = header->free;
    header->free = object->next;
    ++header->used;
    if (!header->free) header->node.unlink();
    return object;
  });
}

void deallocate(void* memory) {
  if (!memory) return;
  PageHeader* header =
      reinterpret_cast<PageHeader*>(reinterpret_cast<uint64_t>(memory) & ~(kPageSize - 1));
  if (header->magic == kLargeMagic) {
    const unsigned order = header->kind;
    heap.with([order](Heap& state) { state.bytes -= kPageSize << order; });
    header->magic = 0;
    free_frames(virt_to_phys(header), order);
    return;
  }
  RUNTIME_ASSERT(header->magic == kSlabMagic);
  heap.with([header, memory](Heap& state) {
    FreeObject* object = static_cast<FreeObject*>(memory);
    const bool was_full = !header->free;
    object->next = header->free;
    header->free = object;
    if (was_full) state.partial[header->kind].push_front(header);
    // An empty page goes back unless it is the last of its class, which will be wanted again.
    List<PageHeader, &PageHeader::node>& partial = state.partial[header->kind];
    const bool is_last = partial.front() == header && !partial.next(header);
    if (--header->used == 0 && !is_last) {
      header->node.unlink();
      header->magic = 0;
      state.bytes -= kPageSize;
      release_frame(virt_to_phys(header));
    }
  });
}

uint64_t kernel_heap_bytes() {
  return heap.with([](Heap& state) { return state.bytes; });
}

}  // namespace runtime

void* operator new(size_t size) { return runtime::allocate(size); }
void* operator new[](size_t size) { return runtime::allocate(size); }
void operator delete(void* memory) noexcept { runtime::deallocate(memory); }
void operator delete[](void* memory) noexcept { runtime::deallocate(memory); }
void operator delete(void* memory, size_t) noexcept { runtime::deallocate(memory); }
void operator delete[](void* memory, size_t) noexcept { runtime::deallocate(memory); }
