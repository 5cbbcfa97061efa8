#include "sched/bell.h"

#include "arch/x86_64/cpu.h"
#include "sched/scheduler.h"
#include "sched/scheduler_internal.h"
#include "sched/wait_queue.h"

namespace runtime {

namespace {

/// What the application has used so far is its own: no system call has written it down.
void charge_application() {
  const bool enabled = interrupts_enabled();
  disable_interrupts();
  account_time(true);
  if (enabled) enable_interrupts();
}

}  // namespace

void wait_for_bell(Deadline deadline) {
  Sleeper sleeper;
  sleeper.prepare();
  // After: prepare(), from which on a wake-up counts. Before it ring_bell() has set this, which is seen here.
  if (__atomic_exchange_n(&Thread::current()->is_rung, false, __ATOMIC_SEQ_CST)) return;
  charge_application();
  sleeper.sleep(deadline, true);
}

void ring_bell(Thread* thread) {
  __atomic_store_n(&thread->is_rung, true, __ATOMIC_SEQ_CST);
  Scheduler::make_runnable(thread);
  if (!Scheduler::needs_reschedule()) return;
  charge_application();
  yield_if_wanted();
}

}  // namespace runtime
