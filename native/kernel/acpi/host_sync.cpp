// ACPICA's host layer: spinlocks, mutexes, semaphores, threads.
#include "acpi/host.h"
#include "acpi/interpreter_call.h"
#include "arch/x86_64/cpu.h"
#include "lib/new.h"
#include "sched/scheduler_internal.h"
#include "sched/wait_queue.h"
#include "sync/spinlock.h"

using runtime::Deadline;
using runtime::kNanosecondsPerMillisecond;
using runtime::LockRank;
using runtime::SpinLock;
using runtime::WaitQueue;
using runtime::WaitResult;

/// How often a thread that waits for a lock looks whether ACPICA is still there.
constexpr uint64_t kLookInterval = 1000 * kNanosecondsPerMillisecond;

struct acpi_host_lock {
  explicit acpi_host_lock(LockRank rank) : lock(rank) {}
  SpinLock lock;
};

/// Units that can be taken and given back. A mutex is one with a single unit.
struct acpi_host_semaphore {
  acpi_host_semaphore(uint32_t most, uint32_t initial) : maximum(most), units(initial) {}

  bool try_take(uint32_t wanted) {
    uint32_t available = __atomic_load_n(&units, __ATOMIC_RELAXED);
    while (available >= wanted) {
      if (__atomic_compare_exchange_n(&units, &available, available - wanted, false,
                                      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return true;
    }
    return false;
  }
  bool give(uint32_t count) {
    uint32_t available = __atomic_load_n(&units, __ATOMIC_RELAXED);
    do {
      if (count > maximum - available) return false;
    } while (!__atomic_compare_exchange_n(&units, &available, available + count, false,
                                          __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    waiters.wake_all();  // each may want another count
    return true;
  }
  /// `timeout` in milliseconds; ACPI_WAIT_FOREVER and ACPI_DO_NOT_WAIT have their meaning.
  acpi_status take(uint32_t wanted, uint16_t timeout) {
    if (try_take(wanted)) return AE_OK;
    if (timeout == ACPI_DO_NOT_WAIT) return AE_TIME;
    const Deadline deadline = timeout == ACPI_WAIT_FOREVER
                                  ? Deadline::never()
                                  : Deadline::after(timeout * kNanosecondsPerMillisecond);
    // Who holds it may have been ended by a fault.
    while (!runtime::acpi_is_abandoned()) {
      const Deadline look =
          Deadline::at_nanoseconds(runtime::min_of(deadline.at, Deadline::after(kLookInterval).at));
      const WaitResult result =
          waiters.wait([this, wanted] { return try_take(wanted); }, look, false);
      if (result == WaitResult::Ready) return AE_OK;
      if (deadline.has_passed()) return AE_TIME;
    }
    return AE_ERROR;
  }

  const uint32_t maximum;
  uint32_t units;
  WaitQueue waiters;
};

struct acpi_host_mutex {
  acpi_host_semaphore semaphore{1, 1};
};

namespace runtime {

namespace {

bool may_yield = true;

acpi_status create_lock(acpi_spinlock* into, LockRank rank) {
  *into = new acpi_host_lock(rank);
  return *into ? AE_OK : AE_NO_MEMORY;
}

}  // namespace

void acpi_yield() {
  // An interrupt handler, and who holds a spinlock, has interrupts off.
  if (__atomic_load_n(&may_yield, __ATOMIC_RELAXED)) yield_if_wanted();
}

void acpi_stop_yielding() { __atomic_store_n(&may_yield, false, __ATOMIC_RELAXED); }

}  // namespace runtime

acpi_status acpi_os_create_lock(acpi_spinlock* into) {
  return runtime::create_lock(into, LockRank::AcpiEvents);
}

acpi_status acpi_os_create_raw_lock(acpi_raw_spinlock* into) {
  return runtime::create_lock(into, LockRank::AcpiHardware);
}

void acpi_os_delete_lock(acpi_spinlock lock) { delete lock; }

acpi_cpu_flags acpi_os_acquire_lock(acpi_spinlock lock) { return lock->lock.lock(); }

void acpi_os_release_lock(acpi_spinlock lock, acpi_cpu_flags flags) {
  lock->lock.unlock(flags != 0);
}

acpi_status acpi_os_create_semaphore(u32 maximum, u32 initial, acpi_semaphore* into) {
  if (!into || initial > maximum) return AE_BAD_PARAMETER;
  *into = new acpi_host_semaphore(maximum, initial);
  return *into ? AE_OK : AE_NO_MEMORY;
}

acpi_status acpi_os_delete_semaphore(acpi_semaphore semaphore) {
  if (!semaphore) return AE_BAD_PARAMETER;
  delete semaphore;
  return AE_OK;
}

acpi_status acpi_os_wait_semaphore(acpi_semaphore semaphore, u32 units, u16 timeout) {
  if (!semaphore || units > semaphore->maximum) return AE_BAD_PARAMETER;
  runtime::acpi_yield();
  return semaphore->take(units, timeout);
}

acpi_status acpi_os_signal_semaphore(acpi_semaphore semaphore, u32 units) {
  if (!semaphore) return AE_BAD_PARAMETER;
  return semaphore->give(units) ? AE_OK : AE_LIMIT;
}

acpi_status acpi_os_create_mutex(acpi_mutex* into) {
  *into = new acpi_host_mutex();
  return *into ? AE_OK : AE_NO_MEMORY;
}

void acpi_os_delete_mutex(acpi_mutex mutex) { delete mutex; }

acpi_status acpi_os_acquire_mutex(acpi_mutex mutex, u16 timeout) {
  runtime::acpi_yield();
  return mutex->semaphore.take(1, timeout);
}

void acpi_os_release_mutex(acpi_mutex mutex) { (void)mutex->semaphore.give(1); }

acpi_thread_id acpi_os_get_thread_id(void) {
  return reinterpret_cast<acpi_thread_id>(runtime::Thread::current());
}
