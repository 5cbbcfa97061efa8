// Source: Knuth, The Art of Computer Programming volume 1, 2.5 (buddy system).
#include "memory/buddy.h"

namespace runtime {

void BuddyAllocator::initialise(FrameState* states, Link* (*link_of)(uint32_t), uint32_t count) {
  states_ = states;
  link_of_ = link_of;
  count_ = count;
  free_frames_ = managed_frames_ = range_count_ = 0;
  for (unsigned order = 0; order <= kMaximumOrder; ++order) heads_[order] = kNone;
}

void BuddyAllocator::push(uint32_t frame, unsigned order) {
  states_[frame].value = FrameState::kFreeHead | order;
  Link* link = link_of_(frame);
  link->previous = kNone;
  link->next = heads_[order];
  if (heads_[order] != kNone) link_of_(heads_[order])->previous = frame;
  heads_[order] = frame;
}

void BuddyAllocator::remove(uint32_t frame, unsigned order) {
  Link* link = link_of_(frame);
  if (link->previous != kNone) {
    link_of_(link->previous)->next = link->next;
  } else {
    heads_[order] = link->next;
  }
  if (link->next != kNone) link_of_(link->next)->previous = link->previous;
  states_[frame].value = FrameState::kFreeBody;
}

bool BuddyAllocator::add_range(uint32_t first, uint32_t count) {
  if (range_count_ == kMaximumRanges) return false;
  ranges_[range_count_++] = {first, first, first + count};
  managed_frames_ += count;
  free_frames_ += count;
  return true;
}

/// Moves frames up to the next border of the largest block from the untouched to the free ones.
bool BuddyAllocator::take_untouched() {
  for (unsigned i = 0; i < range_count_; ++i) {
    Range& range = ranges_[i];
    if (range.untouched == range.end) continue;
    const uint32_t block = 1u << kMaximumOrder;
    const uint32_t start = range.untouched;
    const uint32_t count = min_of(range.end - start, block - start % block);
    range.untouched += count;
    release_range(start, count);
    return true;
  }
  return false;
}

void BuddyAllocator::release_range(uint32_t first, uint32_t count) {
  free_frames_ -= count;
  while (count > 0) {
    unsigned order = 0;
    while (order < kMaximumOrder && first % (2u << order) == 0 && (2u << order) <= count) ++order;
    free(first, order);
    first += 1u << order;
    count -= 1u << order;
  }
}

uint32_t BuddyAllocator::allocate(unsigned order) {
  unsigned found;
  for (;;) {
    found = order;
    while (found <= kMaximumOrder && heads_[found] == kNone) ++found;
    if (found <= kMaximumOrder) break;
    if (!take_untouched()) return kNone;
  }
  const uint32_t frame = heads_[found];
  remove(frame, found);
  while (found > order) {
    --found;
    push(frame + (1u << found), found);
  }
  for (uint32_t i = 0; i < 1u << order; ++i) states_[frame + i].value = 1;
  free_frames_ -= 1u << order;
  return frame;
}

void BuddyAllocator::free(uint32_t frame, unsigned order) {
  free_frames_ += 1u << order;
  for (uint32_t i = 0; i < 1u << order; ++i) states_[frame + i].value = FrameState::kFreeBody;
  while (order < kMaximumOrder) {
    const uint32_t buddy = frame ^ (1u << order);
    if (!is_free_block(buddy, order)) break;
    remove(buddy, order);
    frame &= ~(1u << order);
    ++order;
  }
  push(frame, order);
}

}  // namespace runtime
