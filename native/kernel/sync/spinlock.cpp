#include "sync/spinlock.h"

#include "arch/x86_64/cpu.h"
#include "lib/format.h"
#include "smp/shootdown.h"

namespace runtime {

bool SpinLock::lock() {
  const bool enabled = interrupts_enabled();
  disable_interrupts();
  CpuLocal& cpu = this_cpu();
  const uint32_t bit = 1u << static_cast<unsigned>(rank_);
  // Holding this rank or a later one means that the order in spinlock.h is broken.
  RUNTIME_ASSERT(cpu.held_lock_ranks < bit);
  cpu.held_lock_ranks |= bit;
  while (__atomic_exchange_n(&taken_, true, __ATOMIC_ACQUIRE)) {
    // Who holds the lock may wait for this CPU to forget translations.
    serve_flush();
    asm volatile("pause");
  }
  return enabled;
}

void SpinLock::unlock(bool interrupts_were_enabled) {
  __atomic_store_n(&taken_, false, __ATOMIC_RELEASE);
  this_cpu().held_lock_ranks &= ~(1u << static_cast<unsigned>(rank_));
  if (interrupts_were_enabled) enable_interrupts();
}

}  // namespace runtime
