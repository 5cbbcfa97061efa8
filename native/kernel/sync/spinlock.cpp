#include "sync/spinlock.h"

#include "arch/x86_64/cpu.h"
#include "lib/format.h"
#include "smp/shootdown.h"

namespace runtime {

bool SpinLock::lock() {
  const bool enabled = interrupts_enabled();
  disable_interrupts();
  HeldRanks& held = this_cpu().held_locks;
  const unsigned rank = static_cast<unsigned>(rank_);
#ifdef RUNTIME_LOCK_CHECKS
  if (__builtin_expect(!held.may_take(rank), 0))
    panic("lock order: %s is wanted while %s is held", lock_rank_name(rank),
          lock_rank_name(held.highest()));
#endif
  held.add(rank);
  if (__atomic_exchange_n(&taken_, true, __ATOMIC_ACQUIRE)) wait();
  return enabled;
}

void SpinLock::wait() {
  begin_flush_deferral();
  do {
    // Looks on without writing, which would take the line away from who holds the lock.
    do {
      // Who holds it may wait for this CPU, since before it said that it defers.
      serve_flush();
      asm volatile("pause");
    } while (is_locked());
  } while (__atomic_exchange_n(&taken_, true, __ATOMIC_ACQUIRE));
  end_flush_deferral();
}

void SpinLock::unlock(bool interrupts_were_enabled) {
  __atomic_store_n(&taken_, false, __ATOMIC_RELEASE);
  this_cpu().held_locks.remove(static_cast<unsigned>(rank_));
  if (interrupts_were_enabled) enable_interrupts();
}

}  // namespace runtime
