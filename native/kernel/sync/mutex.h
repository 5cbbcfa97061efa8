// A lock that sleeps: for work under which a thread may block or copy application memory.
#pragma once

#include "sched/wait_queue.h"

namespace runtime {

class Mutex {
 public:
  void lock() {
    waiters_.wait([this] { return try_lock(); }, Deadline::never(), false);
  }
  bool try_lock() {
    bool expected = false;
    return __atomic_compare_exchange_n(&taken_, &expected, true, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
  }
  void unlock() {
    __atomic_store_n(&taken_, false, __ATOMIC_RELEASE);
    waiters_.wake_one();
  }

 private:
  bool taken_ = false;
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
