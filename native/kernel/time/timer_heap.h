// Active timers, the earliest on top: a leftist heap (C. A. Crane, 1972), linked through its entries, so
// starting a timer needs no memory and cannot fail. All operations take time in the logarithm of the number
// of timers at most. Pure: who owns the heap guards it with a lock.
#pragma once

#include <stdint.h>

namespace runtime {

/// What the heap knows of a timer.
struct TimerHeapEntry {
  uint64_t deadline = 0;

  // The heap's own.
  uint64_t order = 0;  // of those with one deadline, who came first is first
  TimerHeapEntry* parent = nullptr;
  TimerHeapEntry* left = nullptr;
  TimerHeapEntry* right = nullptr;
  uint32_t rank = 0;  // entries on the way down the right side, this one included
};

class TimerHeap {
 public:
  /// Adds an entry, which is in no heap, by its deadline.
  void add(TimerHeapEntry* entry);
  /// Takes out an entry that is in this heap.
  void remove(TimerHeapEntry* entry);
  /// The one with the earliest deadline; null when there is none.
  TimerHeapEntry* first() { return root_; }

 private:
  TimerHeapEntry* root_ = nullptr;
  uint64_t next_order_ = 0;
};

}  // namespace runtime
