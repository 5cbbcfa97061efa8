#include "time/timer_heap.h"

namespace runtime {

namespace {

uint32_t rank_of(const TimerHeapEntry* entry) { return entry ? entry->rank : 0; }

bool is_before(const TimerHeapEntry* a, const TimerHeapEntry* b) {
  return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

/// The right side is the short one.
void lean_left(TimerHeapEntry* entry) {
  if (rank_of(entry->left) >= rank_of(entry->right)) return;
  TimerHeapEntry* const left = entry->left;
  entry->left = entry->right;
  entry->right = left;
}

/// Makes one heap of two and returns its top, whose parent is the caller's to set. Goes down right sides
/// only: as deep as two logarithms.
TimerHeapEntry* merge(TimerHeapEntry* a, TimerHeapEntry* b) {
  if (!a) return b;
  if (!b) return a;
  if (is_before(b, a)) return merge(b, a);
  a->right = merge(a->right, b);
  a->right->parent = a;
  lean_left(a);
  a->rank = rank_of(a->right) + 1;
  return a;
}

}  // namespace

void TimerHeap::add(TimerHeapEntry* entry) {
  entry->order = next_order_++;
  entry->left = entry->right = nullptr;
  entry->rank = 1;
  root_ = merge(root_, entry);
  root_->parent = nullptr;
}

void TimerHeap::remove(TimerHeapEntry* entry) {
  TimerHeapEntry* parent = entry->parent;
  TimerHeapEntry* const rest = merge(entry->left, entry->right);
  if (rest) rest->parent = parent;
  if (!parent) {
    root_ = rest;
  } else if (parent->left == entry) {
    parent->left = rest;
  } else {
    parent->right = rest;
  }
  // Upwards as far as a rank changes.
  for (; parent; parent = parent->parent) {
    lean_left(parent);
    const uint32_t rank = rank_of(parent->right) + 1;
    if (rank == parent->rank) return;
    parent->rank = rank;
  }
}

}  // namespace runtime
