#include "linux/futex_table.h"

namespace runtime {

FutexTable::Bucket& FutexTable::bucket_of(uint64_t address) {
  // Fibonacci hashing: neighbouring words land in different buckets.
  constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15ull;
  constexpr unsigned kBucketBits = 8;
  static_assert(kBuckets == 1u << kBucketBits, "the hash yields an index of that many bits");
  return buckets_[((address >> 2) * kGoldenRatio) >> (64 - kBucketBits)];
}

void FutexTable::add(FutexWaiter* waiter) {
  waiter->is_woken = false;
  waiter->ticket = next_ticket_++;
  bucket_of(waiter->address).push_back(waiter);
}

bool FutexTable::remove(FutexWaiter* waiter) {
  if (waiter->is_woken) return false;
  waiter->node.unlink();
  return true;
}

void FutexTable::wake_waiter(FutexWaiter* waiter, uint32_t bitset) {
  waiter->node.unlink();
  waiter->is_woken = true;
  waiter->woken_by = bitset;
  notify_(waiter);
}

unsigned FutexTable::wake(uint64_t address, unsigned count, uint32_t bitset) {
  unsigned woken = 0;
  Bucket& bucket = bucket_of(address);
  for (FutexWaiter* waiter = bucket.front(); waiter && woken < count;) {
    FutexWaiter* const following = bucket.next(waiter);
    if (waiter->address == address && (waiter->bitset & bitset)) {
      wake_waiter(waiter, bitset);
      ++woken;
    }
    waiter = following;
  }
  return woken;
}

unsigned FutexTable::requeue(uint64_t from, uint64_t to, unsigned wake_count, unsigned move_count,
                             uint64_t before_ticket) {
  unsigned woken = 0;
  unsigned moved = 0;
  Bucket& bucket = bucket_of(from);
  for (FutexWaiter* waiter = bucket.front(); waiter;) {
    FutexWaiter* const following = bucket.next(waiter);
    if (waiter->address == from && waiter->ticket < before_ticket) {
      if (woken < wake_count) {
        wake_waiter(waiter, UINT32_MAX);
        ++woken;
      } else if (moved < move_count) {
        ++moved;
        if (to != from) {
          waiter->node.unlink();
          waiter->address = to;
          bucket_of(to).push_back(waiter);  // it has left `from`, so the walk does not see it again
        }
      } else {
        break;
      }
    }
    waiter = following;
  }
  return woken + moved;
}

}  // namespace runtime
