// The futex system call, futex(2). Keys are addresses: there is one address space, so private and
// shared futexes are the same.
#include "linux/futex.h"

#include "linux/futex_operation.h"
#include "linux/futex_table.h"
#include "linux/system_calls.h"
#include "linux/time_convert.h"
#include "linux/user_atomic.h"
#include "sched/thread.h"
#include "sched/wait_queue.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

constexpr int kWait = 0;
constexpr int kWake = 1;
constexpr int kRequeue = 3;
constexpr int kCompareRequeue = 4;
constexpr int kWakeOperation = 5;
constexpr int kWaitBitset = 9;
constexpr int kWakeBitset = 10;
constexpr int kPrivateFlag = 128;
constexpr int kClockRealtimeFlag = 256;
constexpr uint32_t kMatchAny = UINT32_MAX;

/// A waiter with the means to wake its thread.
struct SleepingWaiter : FutexWaiter {
  Sleeper sleeper;
};

void notify(FutexWaiter* waiter) { static_cast<SleepingWaiter*>(waiter)->sleeper.wake(); }

/// The table under its lock. Waiters are notified under it too: a woken thread takes the lock before
/// its waiter goes away, so nobody is left with a pointer to it.
struct GuardedTable {
  FutexTable table{notify};
};
Locked<GuardedTable> futexes(LockRank::Futex);

bool is_woken(SleepingWaiter* waiter) {
  return futexes.with([waiter](GuardedTable&) { return waiter->is_woken; });
}

bool remove(SleepingWaiter* waiter) {
  return futexes.with([waiter](GuardedTable& t) { return t.table.remove(waiter); });
}

unsigned wake(uint64_t address, unsigned count, uint32_t bitset) {
  return futexes.with([=](GuardedTable& t) { return t.table.wake(address, count, bitset); });
}

/// Takes a waiter out whose word turned out not to hold the expected value (or not to be readable).
/// A wake-up that it got in the meantime was meant for somebody who waits: that one gets it.
void withdraw(SleepingWaiter* waiter, uint64_t address) {
  if (!remove(waiter)) wake(address, 1, waiter->woken_by);
}

/// FUTEX_WAIT and FUTEX_WAIT_BITSET. `interrupted` is what a signal makes of it.
Result<uint64_t> wait(uint64_t address, uint32_t expected, uint32_t bitset, Deadline deadline,
                      Errno interrupted) {
  if (bitset == 0) return Errno::Invalid;
  SleepingWaiter waiter;
  waiter.address = address;
  waiter.bitset = bitset;
  // Queued before the word is read: a thread that changes the word after this reading finds the
  // waiter when it wakes. Reading may wait for a page, so it cannot happen under the lock.
  futexes.with([&waiter](GuardedTable& t) { t.table.add(&waiter); });
  Result<uint32_t> value = UserPtr<uint32_t>(address).read();
  if (value.is_error() || value.value() != expected) {
    withdraw(&waiter, address);
    return value.is_error() ? value.error() : Errno::Again;
  }
  for (;;) {
    waiter.sleeper.prepare();
    if (is_woken(&waiter)) return 0;
    const WaitResult result = waiter.sleeper.sleep(deadline, true);
    if (result == WaitResult::Ready) continue;
    if (!remove(&waiter)) return 0;  // woken at the same moment: that counts
    return result == WaitResult::TimedOut ? Errno::TimedOut : interrupted;
  }
}

/// The moment that a wait ends by itself, from the timeout argument. FUTEX_WAIT has a duration,
/// FUTEX_WAIT_BITSET a moment on one of two clocks.
Result<Deadline> wait_deadline(uint64_t timeout, bool is_absolute, bool is_wall_clock) {
  if (!timeout) return Deadline::never();
  Result<TimeSpec> time = UserPtr<TimeSpec>(timeout).read();
  if (time.is_error()) return time.error();
  if (!is_valid_time(time.value())) return Errno::Invalid;
  const uint64_t amount = to_nanoseconds(time.value());
  if (!is_absolute) return Deadline::after(amount);
  if (!is_wall_clock) return Deadline::at_nanoseconds(amount);
  const uint64_t now = wall_clock_nanoseconds();
  return amount == UINT64_MAX ? Deadline::never()
                              : Deadline::after(amount > now ? amount - now : 0);
}

Result<uint64_t> wait_call(uint64_t address, uint32_t expected, uint32_t bitset, uint64_t timeout,
                           bool is_absolute, bool is_wall_clock) {
  Result<Deadline> deadline = wait_deadline(timeout, is_absolute, is_wall_clock);
  if (deadline.is_error()) return deadline.error();
  // With a timeout the call is not begun anew after a handler, signal(7).
  const Errno interrupted = timeout ? Errno::Interrupted : Errno::Restart;
  return wait(address, expected, bitset, deadline.value(), interrupted);
}

/// FUTEX_REQUEUE, and FUTEX_CMP_REQUEUE when `compared` is given. As in Linux both return how many
/// were woken or moved.
Result<uint64_t> requeue_call(uint64_t from, uint64_t to, uint32_t wake_count, uint32_t move_count,
                              const uint32_t* compared) {
  if (wake_count > INT32_MAX || move_count > INT32_MAX) return Errno::Invalid;
  // Who arrives after the comparison waits for another value and stays where it is.
  const uint64_t before = futexes.with([](GuardedTable& t) { return t.table.next_ticket(); });
  if (compared) {
    Result<uint32_t> value = UserPtr<uint32_t>(from).read();
    if (value.is_error()) return value.error();
    if (value.value() != *compared) return Errno::Again;
  }
  return futexes.with([=](GuardedTable& t) {
    return uint64_t{t.table.requeue(from, to, wake_count, move_count, before)};
  });
}

/// FUTEX_WAKE_OP: changes the second word, wakes on the first, and on the second if its old value
/// passes the test.
Result<uint64_t> wake_operation_call(uint64_t address, uint32_t count, uint64_t address2,
                                     uint32_t count2, uint32_t encoded) {
  FutexOperation operation;
  if (!decode_futex_operation(encoded, &operation)) return Errno::NotImplemented;
  Result<uint32_t> old = update_user_word(
      address2, [&operation](uint32_t value) { return apply_futex_operation(operation, value); });
  if (old.is_error()) return old.error();
  const bool wakes_second = futex_comparison_holds(operation, old.value());
  return futexes.with([=](GuardedTable& t) {
    uint64_t woken = t.table.wake(address, count, kMatchAny);
    if (wakes_second) woken += t.table.wake(address2, count2, kMatchAny);
    return woken;
  });
}

bool is_aligned(uint64_t address) { return address % sizeof(uint32_t) == 0; }

}  // namespace

Result<uint64_t> sys_futex(uint64_t address, int operation, uint32_t value,
                           uint64_t timeout_or_value2, uint64_t address2, uint32_t value3) {
  const int command = operation & ~(kPrivateFlag | kClockRealtimeFlag);
  const bool is_wall_clock = (operation & kClockRealtimeFlag) != 0;
  if (is_wall_clock && command != kWaitBitset) return Errno::NotImplemented;
  if (!is_aligned(address)) return Errno::Invalid;
  const uint32_t value2 = static_cast<uint32_t>(timeout_or_value2);
  switch (command) {
    case kWait:
      return wait_call(address, value, kMatchAny, timeout_or_value2, false, false);
    case kWaitBitset:
      return wait_call(address, value, value3, timeout_or_value2, true, is_wall_clock);
    case kWake:
      return uint64_t{wake(address, value, kMatchAny)};
    case kWakeBitset:
      if (value3 == 0) return Errno::Invalid;
      return uint64_t{wake(address, value, value3)};
    case kRequeue:
    case kCompareRequeue:
      if (!is_aligned(address2)) return Errno::Invalid;
      return requeue_call(address, address2, value, value2,
                          command == kCompareRequeue ? &value3 : nullptr);
    case kWakeOperation:
      if (!is_aligned(address2)) return Errno::Invalid;
      return wake_operation_call(address, value, address2, value2, value3);
    default:
      return Errno::NotImplemented;  // among them the priority-inheriting ones
  }
}

void futex_wake_address(uint64_t address, unsigned count) { wake(address, count, kMatchAny); }

}  // namespace runtime
