// Weighted fair scheduling: the runnable thread with the least weighted CPU time runs. Every CPU has a queue
// (placement.h); it runs what is in it, and when that is nothing its idle thread looks into the others'.
#include "sched/scheduler.h"

#include "arch/x86_64/cpu.h"
#include "lib/format.h"
#include "sched/placement.h"
#include "sched/scheduler_internal.h"
#include "smp/cpu_table.h"
#include "smp/cpus.h"
#include "smp/shootdown.h"
#include "time/clock_source.h"

namespace runtime {

namespace {

/// CPUs join one after the other.
SpinLock join_lock(LockRank::Scheduler);
bool several_cpus = false;
bool polls_when_idle = true;

/// Charges the running thread for the time since it was last charged.
void charge(Thread* thread, uint64_t now) {
  const uint64_t used = now - thread->run_started;
  thread->run_started = now;
  if (thread->is_idle) {
    this_cpu().idle_nanoseconds += used;
    return;
  }
  thread->virtual_runtime += weighted_runtime(used, thread->nice);
  // A kernel thread's: no system call writes it down.
  if (!thread->extended_state) thread->system_nanoseconds += used;
}

/// Loads the extended state of `next`. With one CPU the state of the last thread stays in the registers
/// while threads without run; with several it is saved at once, as the thread may go on elsewhere.
void switch_extended_state(CpuLocal& cpu, Thread* previous, Thread* next) {
  if (several_cpus) {
    if (previous->extended_state && previous->state != Thread::State::Dead)
      save_extended_state(previous->extended_state);
    if (!next->extended_state) return;
    // The registers still hold it when it ran nowhere else since.
    if (cpu.extended_state_owner == next && next->extended_state_cpu == cpu.index) return;
    next->extended_state_cpu = cpu.index;
  } else {
    if (!next->extended_state || cpu.extended_state_owner == next) return;
    if (cpu.extended_state_owner) save_extended_state(cpu.extended_state_owner->extended_state);
  }
  restore_extended_state(next->extended_state);
  cpu.extended_state_owner = next;
}

/// Switches from the running thread to `next`, with this CPU's queue locked; `scheduler_finish_switch`
/// unlocks it.
void switch_to(Thread* next) {
  CpuLocal& cpu = this_cpu();
  Thread* previous = cpu.current;
  if (next != previous) {
    ++cpu.context_switches;
    cpu.current = next;
    set_kernel_stack(next->kernel_stack_base, next->kernel_stack_top);
    switch_extended_state(cpu, previous, next);
    if (next->extended_state) write_msr(kMsrFsBase, next->fs_base);
    switch_stacks(&previous->saved_stack_pointer, next->saved_stack_pointer);
  }
  scheduler_finish_switch();
}

/// Chooses the next thread and switches to it. This CPU's queue is locked, and the running thread is already
/// in its new state.
void schedule(CpuLocal& cpu, uint64_t now) {
#ifdef RUNTIME_LOCK_CHECKS
  HeldRanks only_queue;
  only_queue.add(static_cast<unsigned>(LockRank::Scheduler));
  RUNTIME_ASSERT(cpu.held_locks == only_queue);
#endif
  RunQueue& threads = queue_of(cpu).threads;
  charge(cpu.current, now);
  cpu.reschedule_wanted = 0;
  Thread* next = static_cast<Thread*>(threads.first());
  if (next) {
    threads.remove(next);
    threads.advance(next);
    withdraw_idle(cpu);
    if (threads.length() > 0) alarm_at(now + kTimeSlice);
  } else {
    next = cpu.idle;
  }
  next->state = Thread::State::Running;
  next->run_started = now;
  next->accounting_mark = now;
  switch_to(next);
}

/// How long this CPU was without work until it came, or was announced.
void note_end_of_idleness(CpuLocal& cpu) {
  if (!cpu.idle_since) return;
  const uint64_t asked = __atomic_load_n(&cpu.asked_time, __ATOMIC_RELAXED);
  const uint64_t end = asked > cpu.idle_since ? asked : monotonic_nanoseconds();
  cpu.idle_poll.note(end > cpu.idle_since ? end - cpu.idle_since : 0);
  cpu.idle_since = 0;
}

/// Looks for work for a while. Returns false when the CPU had better halt. A clock that is slow to read is
/// one that a hypervisor emulates: then looking costs more than it saves.
bool poll_when_idle(CpuLocal& cpu) {
  if (!polls_when_idle || cpu_count() < 2 || !clock_is_fast()) return false;
  const uint64_t now = monotonic_nanoseconds();
  if (!cpu.idle_since) cpu.idle_since = now;
  const uint64_t end = cpu.idle_since + cpu.idle_poll.limit();
  return now < end && poll_for_reschedule(end);
}

}  // namespace

void scheduler_finish_switch() {
  CpuLocal& cpu = this_cpu();
  Thread* const dead = cpu.dead_thread;
  Thread* const departed = cpu.departing_thread;
  cpu.dead_thread = cpu.departing_thread = nullptr;
  queue_of(cpu).lock.unlock(false);
  if (departed) settle(departed);
  if (dead) dead->release();
}

void Scheduler::yield() {
  const bool enabled = interrupts_enabled();
  disable_interrupts();
  CpuLocal& cpu = this_cpu();
  CpuQueue& queue = queue_of(cpu);
  queue.lock.lock();
  const uint64_t now = monotonic_nanoseconds();
  Thread* const current = cpu.current;
  charge(current, now);
  if (may_run_on(current, cpu.index)) {
    if (!current->is_idle) {
      current->state = Thread::State::Runnable;
      queue.threads.add(current);
    }
  } else {
    current->state = Thread::State::Moving;
    queue.threads.leave(current);
    cpu.departing_thread = current;
  }
  schedule(cpu, now);
  if (enabled) enable_interrupts();
}

bool scheduler_sleep(Thread* thread, bool interruptible) {
  CpuLocal& cpu = this_cpu();
  SpinLock& lock = queue_of(cpu).lock;
  lock.lock();
  if (thread->wake_pending) {
    lock.unlock(false);
    return false;
  }
  thread->sleeps_interruptibly = interruptible;
  thread->state = Thread::State::Sleeping;
  schedule(cpu, monotonic_nanoseconds());
  thread->sleeps_interruptibly = false;
  return true;
}

void scheduler_tick() {
  CpuLocal& cpu = this_cpu();
  Thread* const current = cpu.current;
  if (!current || current->is_idle) return;
  const uint64_t now = monotonic_nanoseconds();
  bool is_due = false;
  {
    CpuQueue& queue = queue_of(cpu);
    SpinGuard guard(queue.lock);
    charge(current, now);
    const RunQueueEntry* const first = queue.threads.first();
    if (!first) return;
    alarm_at(now + kTimeSlice);
    is_due = first->virtual_runtime < current->virtual_runtime + kTimeSlice;
  }
  if (!relieve(cpu, now) && is_due) cpu.reschedule_wanted = 1;
}

PatientWakes::PatientWakes() : before_(Thread::current()->wakes_patiently) {
  Thread::current()->wakes_patiently = true;
}

PatientWakes::~PatientWakes() { Thread::current()->wakes_patiently = before_; }

bool Scheduler::needs_reschedule() { return this_cpu().reschedule_wanted != 0; }

void Scheduler::exit_thread() {
  disable_interrupts();
  CpuLocal& cpu = this_cpu();
  queue_of(cpu).lock.lock();
  Thread* const current = cpu.current;
  current->state = Thread::State::Dead;
  if (cpu.extended_state_owner == current) cpu.extended_state_owner = nullptr;
  cpu.dead_thread = current;
  schedule(cpu, monotonic_nanoseconds());
  panic("a thread that ended was scheduled again");
}

void join_scheduler(CpuLocal& cpu) {
  SpinGuard guard(join_lock);
  add_cpu(&cpu);
  cpu.idle->cpu = cpu.index;
}

void scheduler_expect_several_cpus() { several_cpus = true; }

void scheduler_halt_when_idle() { polls_when_idle = false; }

void run_idle_loop(void (*first_idle)()) {
  disable_interrupts();
  CpuLocal& cpu = this_cpu();  // idle threads stay where they are
  for (;;) {
    announce_idle(cpu);
    if (queue_of(cpu).threads.length() > 0 || steal_for(cpu)) {
      note_end_of_idleness(cpu);
      Scheduler::yield();
    } else if (first_idle) {
      withdraw_idle(cpu);
      enable_interrupts();
      first_idle();
      first_idle = nullptr;
      disable_interrupts();
    } else {
      // What was queued here since came from a handler, or its sender's interrupt ends the halt.
      begin_halt();
      if (!poll_when_idle(cpu)) asm volatile("sti; hlt; cli" : : : "memory");
      end_halt();
    }
  }
}

}  // namespace runtime

extern "C" void thread_started() { runtime::scheduler_finish_switch(); }
