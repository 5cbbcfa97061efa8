// A lock that sleeps: for work under which a thread may block or copy application memory. Its order is in
// lock_order.h.
#pragma once

#include "sched/wait_queue.h"
#include "sync/lock_order.h"

namespace runtime {

class Mutex {
 public:
  explicit Mutex(MutexRank rank) : rank_(rank) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  /// May sleep: no spinlock is held.
  void lock();
  void unlock();

 private:
  bool try_lock() {
    bool expected = false;
    return __atomic_compare_exchange_n(&taken_, &expected, true, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
  }

  bool taken_ = false;
  MutexRank rank_;
  WaitQueue waiters_;
};

class MutexGuard {
 public:
  explicit MutexGuard(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexGuard() { mutex_.unlock(); }
  MutexGuard(const MutexGuard&) = delete;
  MutexGuard& operator=(const MutexGuard&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace runtime
