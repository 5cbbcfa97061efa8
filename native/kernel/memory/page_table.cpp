// Source: Intel SDM volume 3, 4.5.
#include "memory/page_table.h"

#include "memory/frames.h"
#include "smp/shootdown.h"

namespace runtime {

namespace {

uint64_t* table_at(PhysAddr table) { return static_cast<uint64_t*>(phys_to_virt(table)); }
PhysAddr target(uint64_t entry) { return PhysAddr(entry & kPageAddressMask); }

/// Upper-half tables are shared with nothing; lower-half tables carry the user bit so that the leaf
/// decides.
constexpr uint64_t kTableFlags = kPagePresent | kPageWrite | kPageUser;

}  // namespace

uint64_t* PageTable::find(uint64_t address) {
  PhysAddr table = root_;
  for (unsigned level = kLevels; level > 1; --level) {
    const uint64_t entry = table_at(table)[level_index(address, level)];
    if (!(entry & kPagePresent) || (entry & kPageLarge)) return nullptr;
    table = target(entry);
  }
  return &table_at(table)[level_index(address, 1)];
}

bool PageTable::translates(uint64_t address) const {
  constexpr unsigned kUnusedBits = 64 - (12 + 9 * kLevels);
  // All of them are as the highest used one.
  if (static_cast<uint64_t>(static_cast<int64_t>(address << kUnusedBits) >> kUnusedBits) != address)
    return false;
  PhysAddr table = root_;
  for (unsigned level = kLevels; level > 0; --level) {
    const uint64_t entry = table_at(table)[level_index(address, level)];
    if (!(entry & kPagePresent)) return false;
    if (entry & kPageLarge) return true;
    table = target(entry);
  }
  return true;
}

Result<uint64_t*> PageTable::descend(uint64_t address, unsigned to_level) {
  PhysAddr table = root_;
  for (unsigned level = kLevels; level > to_level; --level) {
    uint64_t* entry = &table_at(table)[level_index(address, level)];
    if (!(*entry & kPagePresent)) {
      Result<PhysAddr> fresh = allocate_frame();
      if (fresh.is_error()) return fresh.error();
      table_bytes_ += kPageSize;
      *entry = fresh.value().value | kTableFlags;
    } else if (*entry & kPageLarge) {
      Result<void> done = split(entry);
      if (done.is_error()) return done.error();
    }
    table = target(*entry);
  }
  return &table_at(table)[level_index(address, to_level)];
}

Result<uint64_t*> PageTable::find_or_create(uint64_t address) { return descend(address, 1); }

Result<uint64_t*> PageTable::directory_entry(uint64_t address) { return descend(address, 2); }

Result<void> PageTable::split(uint64_t* entry) {
  Result<PhysAddr> fresh = allocate_frame();
  if (fresh.is_error()) return fresh.error();
  table_bytes_ += kPageSize;
  uint64_t* pages = table_at(fresh.value());
  const uint64_t flags = *entry & ~kPageAddressMask & ~kPageLarge;
  const uint64_t first = *entry & kPageAddressMask;
  for (unsigned i = 0; i < 512; ++i) pages[i] = (first + i * kPageSize) | flags;
  // The same translations, finer: stale large entries in the TLB stay true until one is changed.
  *entry = fresh.value().value | kTableFlags;
  return {};
}

Result<void> PageTable::walk(PhysAddr table, unsigned level, uint64_t table_start, uint64_t start,
                             uint64_t end, Thunk thunk, void* visit) {
  const uint64_t span = level_span(level);
  const uint64_t first = start > table_start ? (start - table_start) / span : 0;
  for (uint64_t index = first; index < 512; ++index) {
    const uint64_t at = table_start + index * span;
    if (at >= end) break;
    uint64_t* entry = &table_at(table)[index];
    if (level == 1) {
      // Not only present ones: a parked page holds a frame too.
      if (*entry != 0) thunk(visit, at, entry, kPageSize);
      continue;
    }
    if (!(*entry & kPagePresent)) continue;
    if (*entry & kPageLarge) {
      if (at >= start && at + span <= end) {
        thunk(visit, at, entry, span);
        continue;
      }
      Result<void> done = split(entry);
      if (done.is_error()) return done;
    }
    Result<void> below = walk(target(*entry), level - 1, at, start, end, thunk, visit);
    if (below.is_error()) return below;
  }
  return {};
}

void PageTable::free_below(PhysAddr table, unsigned level, uint64_t table_start, uint64_t start,
                           uint64_t end, TranslationFlush* flush) {
  const uint64_t span = level_span(level);
  const uint64_t first = start > table_start ? (start - table_start) / span : 0;
  for (uint64_t index = first; index < 512; ++index) {
    const uint64_t at = table_start + index * span;
    if (at >= end) break;
    uint64_t* entry = &table_at(table)[index];
    if (!(*entry & kPagePresent) || (*entry & kPageLarge)) continue;
    if (level > 2) free_below(target(*entry), level - 1, at, start, end, flush);
    if (at >= start && at + span <= end) {
      // CPUs also cache tables themselves; forgetting any page of the range makes them forget these
      // (SDM volume 3, 4.10.4.1).
      const PhysAddr table = target(*entry);
      *entry = 0;
      flush->add(at);
      flush->release_later(table);
      table_bytes_ -= kPageSize;
    }
  }
}

void PageTable::free_tables(uint64_t start, uint64_t end, TranslationFlush* flush) {
  free_below(root_, kLevels, 0, start, end, flush);
}

void TranslationFlush::release_later(PhysAddr frame) {
  if (other_cpus_may_translate()) {
    if (frame_count_ == kMostFrames) finish();
    frames_[frame_count_++] = frame.value;
  } else {
    release_frame(frame);
  }
}

void TranslationFlush::finish() {
  if (page_count_ > 0) flush_everywhere(pages_, page_count_);
  for (unsigned i = 0; i < frame_count_; ++i) release_frame(PhysAddr(frames_[i]));
  page_count_ = frame_count_ = 0;
}

#ifndef RUNTIME_HOST_TEST
void flush_page(uint64_t address) { asm volatile("invlpg (%0)" : : "r"(address) : "memory"); }

void flush_all_pages() {
  uint64_t root;
  asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(root) : : "memory");
}
#endif

}  // namespace runtime
