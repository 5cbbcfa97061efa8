// Weighted fair scheduling: the runnable thread with the least weighted CPU time runs. A thread that
// slept keeps a small credit, so it is served soon and cannot hoard. Source of the weights: each step
// of nice(2) is worth about 10 % of the CPU, a factor of 1.25.
#include "sched/scheduler.h"

#include "arch/x86_64/cpu.h"
#include "lib/format.h"
#include "sched/scheduler_internal.h"
#include "sync/spinlock.h"
#include "time/clock_source.h"

namespace runtime {

namespace {

constexpr uint64_t kTimeSlice = 4 * kNanosecondsPerMillisecond;
constexpr uint64_t kSleeperCredit = 3 * kNanosecondsPerMillisecond;
constexpr uint64_t kWakeGranularity = 1 * kNanosecondsPerMillisecond;
constexpr uint64_t kWeightOfNice0 = 1024;

struct RunQueue {
  List<Thread, &Thread::run_node> threads;  // least virtual runtime first
  uint64_t minimum_virtual_runtime = 0;
};
Locked<RunQueue> run_queue(LockRank::Scheduler);

uint64_t weight_of(int nice) {
  uint64_t weight = kWeightOfNice0;
  for (int step = 0; step < nice; ++step) weight = weight * 4 / 5;
  for (int step = 0; step > nice; --step) weight = weight * 5 / 4;
  return weight;
}

void enqueue(RunQueue& queue, Thread* thread) {
  thread->state = Thread::State::Runnable;
  Thread* later = queue.threads.front();
  while (later && later->virtual_runtime <= thread->virtual_runtime)
    later = queue.threads.next(later);
  if (later) {
    queue.threads.insert_before(later, thread);
  } else {
    queue.threads.push_back(thread);
  }
}

/// Charges the running thread for the time since it was last charged.
void charge(Thread* thread, uint64_t now) {
  const uint64_t used = now - thread->run_started;
  thread->run_started = now;
  if (thread->is_idle) {
    this_cpu().idle_nanoseconds += used;
    return;
  }
  thread->virtual_runtime += used * kWeightOfNice0 / weight_of(thread->nice);
}

/// Switches from the running thread to `next`. Interrupts are off.
void switch_to(Thread* next) {
  CpuLocal& cpu = this_cpu();
  Thread* previous = cpu.current;
  if (next == previous) return;
  ++cpu.context_switches;
  cpu.current = next;
  set_kernel_stack(next->kernel_stack_base, next->kernel_stack_top);
  if (next->extended_state) {
    if (cpu.extended_state_owner != next) {
      if (cpu.extended_state_owner) save_extended_state(cpu.extended_state_owner->extended_state);
      restore_extended_state(next->extended_state);
      cpu.extended_state_owner = next;
    }
    write_msr(kMsrFsBase, next->fs_base);
  }
  switch_stacks(&previous->saved_stack_pointer, next->saved_stack_pointer);
  scheduler_finish_switch();
}

/// Chooses the next thread and switches to it. The running thread must already be in its new state.
void schedule(uint64_t now) {
  CpuLocal& cpu = this_cpu();
  charge(cpu.current, now);
  cpu.reschedule_wanted = 0;
  Thread* next = run_queue.with([&cpu](RunQueue& queue) {
    Thread* first = queue.threads.pop_front();
    if (!first) return cpu.idle;
    if (first->virtual_runtime > queue.minimum_virtual_runtime)
      queue.minimum_virtual_runtime = first->virtual_runtime;
    return first;
  });
  next->state = Thread::State::Running;
  next->run_started = now;
  next->accounting_mark = now;
  const bool others_wait =
      run_queue.with([](RunQueue& queue) { return !queue.threads.is_empty(); });
  if (others_wait) alarm_at(now + kTimeSlice);
  switch_to(next);
}

}  // namespace

void scheduler_finish_switch() {
  CpuLocal& cpu = this_cpu();
  Thread* dead = cpu.dead_thread;
  if (!dead) return;
  cpu.dead_thread = nullptr;
  dead->release();
}

void Scheduler::make_runnable(Thread* thread) {
  const uint64_t now = monotonic_nanoseconds();
  CpuLocal& cpu = this_cpu();
  run_queue.with([&](RunQueue& queue) {
    thread->wake_pending = true;
    if (thread->state != Thread::State::Sleeping) return;
    const uint64_t floor = queue.minimum_virtual_runtime > kSleeperCredit
                               ? queue.minimum_virtual_runtime - kSleeperCredit
                               : 0;
    if (thread->virtual_runtime < floor) thread->virtual_runtime = floor;
    enqueue(queue, thread);
    if (!cpu.current) return;
    if (cpu.current->is_idle ||
        thread->virtual_runtime + kWakeGranularity <
            cpu.current->virtual_runtime + (now - cpu.current->run_started)) {
      cpu.reschedule_wanted = 1;
    } else {
      alarm_at(now + kTimeSlice);
    }
  });
}

void Scheduler::yield() {
  const bool enabled = interrupts_enabled();
  disable_interrupts();
  const uint64_t now = monotonic_nanoseconds();
  Thread* current = this_cpu().current;
  charge(current, now);
  if (!current->is_idle) run_queue.with([current](RunQueue& queue) { enqueue(queue, current); });
  schedule(now);
  if (enabled) enable_interrupts();
}

void scheduler_tick() {
  CpuLocal& cpu = this_cpu();
  Thread* current = cpu.current;
  if (!current || current->is_idle) return;
  const uint64_t now = monotonic_nanoseconds();
  charge(current, now);
  run_queue.with([&](RunQueue& queue) {
    Thread* first = queue.threads.front();
    if (!first) return;
    if (first->virtual_runtime < current->virtual_runtime + kTimeSlice) cpu.reschedule_wanted = 1;
    alarm_at(now + kTimeSlice);
  });
}

bool Scheduler::needs_reschedule() { return this_cpu().reschedule_wanted != 0; }

void scheduler_block() { schedule(monotonic_nanoseconds()); }

void Scheduler::exit_thread() {
  disable_interrupts();
  CpuLocal& cpu = this_cpu();
  Thread* current = cpu.current;
  current->state = Thread::State::Dead;
  if (cpu.extended_state_owner == current) cpu.extended_state_owner = nullptr;
  cpu.dead_thread = current;
  schedule(monotonic_nanoseconds());
  panic("a thread that ended was scheduled again");
}

void run_idle_loop(void (*first_idle)()) {
  for (;;) {
    disable_interrupts();
    if (Scheduler::needs_reschedule() ||
        run_queue.with([](RunQueue& queue) { return !queue.threads.is_empty(); })) {
      Scheduler::yield();
      continue;
    }
    if (first_idle) {
      enable_interrupts();
      first_idle();
      first_idle = nullptr;
      continue;
    }
    asm volatile("sti; hlt" : : : "memory");
  }
}

}  // namespace runtime

extern "C" void thread_started() { runtime::scheduler_finish_switch(); }
