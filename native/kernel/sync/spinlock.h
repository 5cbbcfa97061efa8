// Spinlocks with ranks, whose order is in lock_order.h. A guard disables interrupts and restores their prior
// state.
//
// The kernel is not preempted: a thread gives up the CPU only in a wait queue, on its way back to
// the application, or at `Scheduler::yield`. No spinlock is ever held across one of these.
#pragma once

#include <stdint.h>

#include "sync/lock_order.h"

namespace runtime {

class SpinLock {
 public:
  constexpr explicit SpinLock(LockRank rank) : rank_(rank) {}
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  /// Disables interrupts and takes the lock; returns the prior interrupt state for `unlock`.
  bool lock();
  void unlock(bool interrupts_were_enabled);
  bool is_locked() const { return __atomic_load_n(&taken_, __ATOMIC_RELAXED); }

 private:
  /// Takes the lock once whoever holds it lets it go.
  void wait();

  bool taken_ = false;
  LockRank rank_;
};

/// Holds a spinlock for a scope.
class SpinGuard {
 public:
  explicit SpinGuard(SpinLock& lock) : lock_(lock), interrupts_(lock.lock()) {}
  ~SpinGuard() { lock_.unlock(interrupts_); }
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;

 private:
  SpinLock& lock_;
  bool interrupts_;
};

/// Data that can only be reached while its lock is held.
template <typename T>
class Locked {
 public:
  constexpr explicit Locked(LockRank rank) : lock_(rank), value_() {}

  /// Calls `use(T&)` under the lock and returns its result. `use` must not block.
  template <typename Use>
  auto with(Use use) -> decltype(use(*static_cast<T*>(nullptr))) {
    SpinGuard guard(lock_);
    return use(value_);
  }

 private:
  SpinLock lock_;
  T value_;
};

}  // namespace runtime
