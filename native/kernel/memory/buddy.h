// Buddy allocator over frame numbers: pure bookkeeping, no hardware, tested on the host.
#pragma once

#include <stdint.h>

#include "lib/types.h"

namespace runtime {

/// State of one frame. Free blocks are linked through their first frame's entry.
struct FrameState {
  static constexpr uint32_t kFreeHead = 0x80000000;  // | order: first frame of a free block
  static constexpr uint32_t kFreeBody = 0xc0000000;  // inside a free block

  uint32_t value;  // a free mark, or the reference count
};

class BuddyAllocator {
 public:
  static constexpr unsigned kMaximumOrder = 10;  // 4 MiB
  static constexpr uint32_t kNone = 0xffffffff;

  /// `states` has `count` entries, whose content does not matter: a large machine's table takes long to
  /// fill. A link is a pair of frame numbers and only used for first frames of free blocks.
  struct Link {
    uint32_t previous;
    uint32_t next;
  };
  void initialise(FrameState* states, Link* (*link_of)(uint32_t frame), uint32_t count);

  /// Hands frames [first, first + count) over to the allocator. They are not touched before they are
  /// needed: a hypervisor gives memory to a VM at the first touch, which costs it time and memory.
  /// At most kMaximumRanges ranges; returns false when there are more.
  bool add_range(uint32_t first, uint32_t count);
  /// Takes a block of 2^order frames, aligned to its size, each with one reference; kNone when there
  /// is no such block.
  uint32_t allocate(unsigned order);
  /// Gives a block back that `allocate` returned.
  void free(uint32_t frame, unsigned order);

  uint32_t free_frames() const { return free_frames_; }
  uint32_t managed_frames() const { return managed_frames_; }
  FrameState& state(uint32_t frame) { return states_[frame]; }
  /// True for frames that were handed over and have come into use.
  bool is_managed(uint64_t frame) const {
    for (unsigned i = 0; i < range_count_; ++i)
      if (frame >= ranges_[i].first && frame < ranges_[i].untouched) return true;
    return false;
  }
  bool is_free(uint32_t frame) const { return states_[frame].value & FrameState::kFreeHead; }

 private:
  static constexpr unsigned kMaximumRanges = 80;
  /// Frames [first, untouched) are in use or free, [untouched, end) wait.
  struct Range {
    uint32_t first;
    uint32_t untouched;
    uint32_t end;
  };

  bool take_untouched();
  void release_range(uint32_t first, uint32_t count);
  void push(uint32_t frame, unsigned order);
  void remove(uint32_t frame, unsigned order);
  bool is_free_block(uint32_t frame, unsigned order) const {
    return frame < count_ && is_managed(frame) &&
           states_[frame].value == (FrameState::kFreeHead | order);
  }

  FrameState* states_ = nullptr;
  Link* (*link_of_)(uint32_t frame) = nullptr;
  uint32_t count_ = 0;
  uint32_t heads_[kMaximumOrder + 1] = {};
  Range ranges_[kMaximumRanges] = {};
  unsigned range_count_ = 0;
  uint32_t free_frames_ = 0;
  uint32_t managed_frames_ = 0;
};

}  // namespace runtime
