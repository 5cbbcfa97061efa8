#include "arch/x86_64/cpu.h"
#include "linux/signals.h"
#include "linux/signals_internal.h"
#include "sched/scheduler.h"
#include "sched/scheduler_internal.h"
#include "sched/thread.h"
#include "sched/wait_queue.h"
#include "warm/freeze.h"

namespace runtime {

namespace {

bool is_interrupted(Thread* thread) { return has_deliverable_signal(thread) || is_freezing(); }

}  // namespace

Sleeper::Sleeper() : thread_(Thread::current()) {}

void Sleeper::prepare() { __atomic_store_n(&thread_->wake_pending, false, __ATOMIC_SEQ_CST); }

WaitResult Sleeper::sleep(Deadline deadline, bool interruptible) {
  if (deadline.has_passed()) return WaitResult::TimedOut;
  if (interruptible && is_interrupted(thread_)) return WaitResult::Interrupted;
  if (__atomic_load_n(&thread_->wake_pending, __ATOMIC_SEQ_CST)) return WaitResult::Ready;
  if (!deadline.is_never()) start_timer(&thread_->sleep_timer, deadline);
  const bool enabled = interrupts_enabled();
  disable_interrupts();
  scheduler_sleep(thread_, interruptible);
  if (enabled) enable_interrupts();
  if (!deadline.is_never()) cancel_timer_and_wait(&thread_->sleep_timer);
  if (interruptible && is_interrupted(thread_)) return WaitResult::Interrupted;
  if (deadline.has_passed()) return WaitResult::TimedOut;
  return WaitResult::Ready;
}

void Sleeper::wake() { Scheduler::make_runnable(thread_); }

bool Sleeper::wake_callback(WaitEntry* entry, uint32_t) {
  static_cast<Sleeper*>(entry->context)->wake();
  return true;
}

}  // namespace runtime
