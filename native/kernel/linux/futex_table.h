// Who waits on which futex word. Pure: it neither blocks nor wakes by itself (the waiter's callback
// does), and its owner guards it with one lock.
//
// One lock for all buckets, because moving waiters between words (requeue) must be seen at once, and
// locks of one rank do not nest. The table is only touched for futexes that are contended, and only
// for the time of a short list walk.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/list.h"

namespace runtime {

/// A thread that waits on a word. Lives on that thread's stack while it is in the table.
struct FutexWaiter {
  uint64_t address = 0;
  uint32_t bitset = UINT32_MAX;
  bool is_woken = false;
  uint32_t woken_by = 0;  // bitset of the wake-up that took this waiter
  uint64_t ticket = 0;    // position in the order of arrival in the whole table
  ListNode node;
};

class FutexTable {
 public:
  /// Called for each waiter that is woken, after it has left the table.
  using Notify = void (*)(FutexWaiter* waiter);

  explicit FutexTable(Notify notify) : notify_(notify) {}

  /// Queues `waiter`, whose address and bitset are set, last.
  void add(FutexWaiter* waiter);
  /// Takes `waiter` out. Returns false when it was woken before, i.e. is not in the table.
  bool remove(FutexWaiter* waiter);
  /// Wakes at most `count` waiters on `address` that share a bit with `bitset`, in their order of
  /// arrival. Returns how many.
  unsigned wake(uint64_t address, unsigned count, uint32_t bitset);
  /// Wakes at most `wake_count` waiters on `from` and moves at most `move_count` of the others to
  /// `to`, last. Leaves out who arrived at or after `before_ticket`. Returns how many it woke or
  /// moved.
  unsigned requeue(uint64_t from, uint64_t to, unsigned wake_count, unsigned move_count,
                   uint64_t before_ticket);
  /// The ticket of the next waiter: who is in the table now has a lower one.
  uint64_t next_ticket() const { return next_ticket_; }

 private:
  static constexpr size_t kBuckets = 256;
  using Bucket = List<FutexWaiter, &FutexWaiter::node>;

  Bucket& bucket_of(uint64_t address);
  void wake_waiter(FutexWaiter* waiter, uint32_t bitset);

  Bucket buckets_[kBuckets];
  Notify notify_;
  uint64_t next_ticket_ = 0;
};

}  // namespace runtime
