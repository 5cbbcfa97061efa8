#include "broker/arena.h"

#include "broker/arena_pages.h"
#include "lib/new.h"
#include "memory/frames.h"

namespace runtime {

namespace {

constexpr uint64_t kShareOfMemory = 4;       // the arena takes at most a quarter
constexpr uint64_t kReserveOfMemory = 32;    // and leaves this part of it free
constexpr unsigned kLargestContiguous = 10;  // 4 MiB, what the frame allocator has

unsigned order_of_size(uint64_t size) {
  unsigned order = 0;
  while ((kPageSize << order) < size) ++order;
  return order;
}

}  // namespace

Arena& arena() {
  static Arena instance;
  return instance;
}

Result<void> Arena::prepare() {
  MutexGuard guard(mutex_);
  if (base_ != 0) return {};
  Result<uint64_t> base = reserve_arena(RUNTIME_ARENA_SIZE);
  if (base.is_error()) return base.error();
  Result<PhysAddr> page = map_arena_pages(base.value(), 1, false);
  if (page.is_error()) return page.error();  // the address space is lost; there is plenty
  limit_ = frame_statistics().total / kShareOfMemory;
  used_ = kPageSize;
  __atomic_store_n(&base_, base.value(), __ATOMIC_RELEASE);
  return {};
}

ArenaView Arena::view() const {
  ArenaView view;
  view.address = base_;
  view.size = RUNTIME_ARENA_SIZE;
  return view;
}

bool Arena::charge(uint64_t bytes) {
  const FrameStatistics frames = frame_statistics();
  if (frames.free < bytes + frames.total / kReserveOfMemory) return false;
  if (__atomic_add_fetch(&used_, bytes, __ATOMIC_RELAXED) <= limit_) return true;
  uncharge(bytes);
  return false;
}

Result<void> Arena::prepare_block(uint32_t id) {
  const uint32_t page = id * sizeof(RuntimeSocketBlock) / static_cast<uint32_t>(kPageSize);
  const uint8_t bit = static_cast<uint8_t>(1u << page % 8);
  MutexGuard guard(mutex_);
  if (table_pages_[page / 8] & bit) return {};
  if (!charge(kPageSize)) return Errno::NoMemory;
  const uint64_t address = base_ + RUNTIME_SOCKET_TABLE_OFFSET + page * kPageSize;
  Result<PhysAddr> mapped = map_arena_pages(address, 1, false);
  if (mapped.is_error()) {
    uncharge(kPageSize);
    return mapped.error();
  }
  table_pages_[page / 8] |= bit;
  return {};
}

/// Offset of 2^order free pages in one part, marked as used; 0 when there are none.
uint32_t Arena::take_pages(unsigned order) {
  Part* fresh = nullptr;
  for (Part& part : parts_) {
    if (part.whole || part.is_inside) continue;
    if (!part.pages) {
      if (!fresh) fresh = &part;
      continue;
    }
    const uint32_t page = part.pages->allocate(order);
    if (page != PageBuddy::kNone) {
      return RUNTIME_ARENA_HEAP_OFFSET + static_cast<uint32_t>(&part - parts_) * kPartSize +
             page * static_cast<uint32_t>(kPageSize);
    }
  }
  if (!fresh) return 0;
  fresh->pages = new PageBuddy();
  if (!fresh->pages) return 0;
  return RUNTIME_ARENA_HEAP_OFFSET + static_cast<uint32_t>(fresh - parts_) * kPartSize +
         fresh->pages->allocate(order) * static_cast<uint32_t>(kPageSize);
}

/// As take_pages, for whole parts. From the end of the arena, away from the small blocks.
uint32_t Arena::take_parts(uint32_t count) {
  uint32_t run = 0;
  for (uint32_t index = kParts; index-- > 0;) {
    const Part& part = parts_[index];
    run = part.pages || part.whole || part.is_inside ? 0 : run + 1;
    if (run < count) continue;
    parts_[index].whole = static_cast<uint16_t>(count);
    for (uint32_t inside = 1; inside < count; ++inside) parts_[index + inside].is_inside = true;
    return RUNTIME_ARENA_HEAP_OFFSET + index * kPartSize;
  }
  return 0;
}

/// Marks the block at `offset` as free and returns how many pages it had, 0 when there is none.
uint32_t Arena::give_back(uint32_t offset) {
  if (offset < RUNTIME_ARENA_HEAP_OFFSET || offset >= RUNTIME_ARENA_SIZE) return 0;
  if (offset % kPageSize) return 0;
  const uint32_t index = (offset - RUNTIME_ARENA_HEAP_OFFSET) / kPartSize;
  const uint32_t inside = (offset - RUNTIME_ARENA_HEAP_OFFSET) % kPartSize;
  Part& part = parts_[index];
  if (part.whole && inside == 0) {
    const uint32_t count = part.whole;
    part.whole = 0;
    for (uint32_t i = 1; i < count; ++i) parts_[index + i].is_inside = false;
    return count * PageBuddy::kPages;
  }
  if (!part.pages) return 0;
  const int order = part.pages->free(inside / static_cast<uint32_t>(kPageSize));
  if (order < 0) return 0;
  if (part.pages->is_empty()) {
    delete part.pages;
    part.pages = nullptr;
  }
  return 1u << order;
}

Result<ArenaBlock> Arena::allocate(uint64_t size, bool contiguous, ArenaOwner owner) {
  if (size == 0 || size > uint64_t{kMostParts} * kPartSize) return Errno::Invalid;
  const unsigned order = order_of_size(size);
  if (contiguous && order > kLargestContiguous) return Errno::Invalid;
  const uint64_t bytes = kPageSize << order;
  MutexGuard guard(mutex_);
  if (owner == ArenaOwner::Kernel && !contiguous && order < kSpareOrders && spares_[order].count) {
    ArenaBlock spare;
    spare.offset = spares_[order].offsets[--spares_[order].count];
    spare.size = static_cast<uint32_t>(bytes);
    return spare;
  }
  if (owner == ArenaOwner::Service) {
    Result<void> room = service_blocks_.reserve(service_blocks_.size() + 1);
    if (room.is_error()) return room.error();
  }
  if (!charge(bytes) && !(free_spares() && charge(bytes))) return Errno::NoMemory;
  const uint32_t offset = order > PageBuddy::kOrders
                              ? take_parts(1u << (order - PageBuddy::kOrders))
                              : take_pages(order);
  if (offset == 0) {
    uncharge(bytes);
    return Errno::NoMemory;
  }
  Result<PhysAddr> mapped = map_arena_pages(base_ + offset, 1u << order, contiguous);
  if (mapped.is_error()) {
    give_back(offset);
    uncharge(bytes);
    return mapped.error();
  }
  if (owner == ArenaOwner::Service) (void)service_blocks_.push(offset).is_error();  // has room
  ArenaBlock block;
  block.offset = offset;
  block.size = static_cast<uint32_t>(bytes);
  block.physical = mapped.value().value;
  return block;
}

bool Arena::free(uint32_t offset, ArenaOwner owner) {
  MutexGuard guard(mutex_);
  size_t index = 0;
  while (index < service_blocks_.size() && service_blocks_[index] != offset) ++index;
  const bool is_of_service = index < service_blocks_.size();
  if (is_of_service != (owner == ArenaOwner::Service)) return false;
  if (is_of_service) {
    service_blocks_[index] = service_blocks_.back();
    service_blocks_.pop();
  }
  const int order = is_of_service ? -1 : order_of(offset);
  if (order >= 0 && order < static_cast<int>(kSpareOrders) && spares_[order].count < Spare::kMost &&
      used() <= limit_ / 2) {
    spares_[order].offsets[spares_[order].count++] = offset;
    return true;
  }
  return free_pages(offset);
}

/// Order of the block of pages that begins at `offset`, -1 when none does or it is made of whole parts.
int Arena::order_of(uint32_t offset) const {
  if (offset < RUNTIME_ARENA_HEAP_OFFSET || offset >= RUNTIME_ARENA_SIZE || offset % kPageSize) {
    return -1;
  }
  const Part& part = parts_[(offset - RUNTIME_ARENA_HEAP_OFFSET) / kPartSize];
  const uint32_t inside = (offset - RUNTIME_ARENA_HEAP_OFFSET) % kPartSize;
  return part.pages ? part.pages->order_of(inside / static_cast<uint32_t>(kPageSize)) : -1;
}

/// Frees a block with its frames; false when none begins there.
bool Arena::free_pages(uint32_t offset) {
  const uint32_t pages = give_back(offset);
  if (pages == 0) return false;
  unmap_arena_pages(base_ + offset, pages);
  uncharge(pages * kPageSize);
  return true;
}

/// Memory is scarce: gives up the blocks that were kept. false: there were none.
bool Arena::free_spares() {
  bool had_some = false;
  for (Spare& spare : spares_) {
    while (spare.count) had_some = free_pages(spare.offsets[--spare.count]) || had_some;
  }
  return had_some;
}

void Arena::free_all_of_service() {
  MutexGuard guard(mutex_);
  while (!service_blocks_.is_empty()) {
    const uint32_t offset = service_blocks_.back();
    service_blocks_.pop();
    free_pages(offset);
  }
  free_spares();
}

}  // namespace runtime
