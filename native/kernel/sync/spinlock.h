// Spinlocks with ranks. A guard disables interrupts and restores their prior state.
//
// Lock order (a lock may only be taken while holding locks of a LOWER rank number):
//   1 FileTable   descriptor table
//   2 FileSystem  directory tree and file contents
//   3 Pipe        one pipe, socket, eventfd, timerfd, epoll instance
//   4 Memory      the address space: areas and page tables
//   5 FileContent one file's pages, which a page fault asks for
//   6 Signal      pending sets, handlers
//   7 Futex       futex hash buckets
//   8 AcpiEvents  ACPICA's event blocks and reference counts
//   9 AcpiHardware  ACPICA's hardware registers; the deferred work of ACPI
//  10 WaitQueue   one wait queue's list
//  11 Readiness   the ready lists of all epoll instances
//  12 Timer       the timer queue
//  13 Scheduler   run queues, thread states
//  14 Heap        kernel heap
//  15 Frames      physical frame allocator
//  16 Device      PCI configuration ports, I/O APICs, the table of device interrupts
//  17 Log         log ring and console
//
// The kernel is not preempted: a thread gives up the CPU only in a wait queue, on its way back to
// the application, or at `Scheduler::yield`. No spinlock is ever held across one of these.
#pragma once

#include <stdint.h>

namespace runtime {

enum class LockRank : uint8_t {
  FileTable = 1,
  FileSystem,
  Pipe,
  Memory,
  FileContent,
  Signal,
  Futex,
  AcpiEvents,
  AcpiHardware,
  WaitQueue,
  Readiness,
  Timer,
  Scheduler,
  Heap,
  Frames,
  Device,
  Log,
};

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
