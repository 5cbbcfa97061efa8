// Weighted fair scheduling: the runnable thread with the least weighted CPU time runs. A thread that
// slept keeps a small credit, so it is served soon and cannot hoard. Source of the weights: each step
// of nice(2) is worth about 10 % of the CPU, a factor of 1.25.
//
// Every CPU has a queue; a thread that wakes goes to where it ran last or to an idle CPU, and a CPU
// that has nothing takes from the longest queue. One lock guards them all and the states of threads.
// It is held across the switch from one thread to the next, who releases it: so no CPU can take up a
// thread that another has not wholly left.
#include "sched/scheduler.h"

#include "arch/x86_64/cpu.h"
#include "lib/format.h"
#include "sched/scheduler_internal.h"
#include "smp/cpu_table.h"
#include "smp/cpus.h"
#include "smp/shootdown.h"
#include "sync/spinlock.h"
#include "time/clock_source.h"

namespace runtime {

namespace {

constexpr uint64_t kTimeSlice = 4 * kNanosecondsPerMillisecond;
constexpr uint64_t kSleeperCredit = 3 * kNanosecondsPerMillisecond;
constexpr uint64_t kWakeGranularity = 1 * kNanosecondsPerMillisecond;
constexpr uint64_t kPatience = 1 * kNanosecondsPerMillisecond;
constexpr uint64_t kWeightOfNice0 = 1024;

struct RunQueue {
  List<Thread, &Thread::run_node> threads;  // least virtual runtime first
  unsigned length = 0;
  uint64_t minimum_virtual_runtime = 0;
};

SpinLock scheduler_lock(LockRank::Scheduler);
RunQueue run_queues[kMaximumCpus];
bool several_cpus = false;

RunQueue& queue_of(const CpuLocal& cpu) { return run_queues[cpu.index]; }

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
  ++queue.length;
}

/// Virtual runtimes mean something within one queue only.
void move_between(const RunQueue& from, const RunQueue& to, Thread* thread) {
  const uint64_t ahead = thread->virtual_runtime > from.minimum_virtual_runtime
                             ? thread->virtual_runtime - from.minimum_virtual_runtime
                             : 0;
  thread->virtual_runtime = to.minimum_virtual_runtime + ahead;
}

bool may_run_on(const Thread* thread, unsigned cpu) { return thread->affinity >> cpu & 1; }

/// The first thread of `queue` that may run on `cpu`, taken out; null when there is none.
Thread* take_for(RunQueue& queue, unsigned cpu) {
  for (Thread* thread = queue.threads.front(); thread; thread = queue.threads.next(thread)) {
    if (!may_run_on(thread, cpu)) continue;
    thread->run_node.unlink();
    --queue.length;
    return thread;
  }
  return nullptr;
}

/// What an idle CPU can relieve another of.
Thread* steal_for(CpuLocal& cpu) {
  RunQueue* longest = nullptr;
  for (unsigned i = 0; i < cpu_count(); ++i) {
    RunQueue& queue = run_queues[i];
    if (i != cpu.index && queue.length > 0 && (!longest || queue.length > longest->length))
      longest = &queue;
  }
  if (!longest) return nullptr;
  Thread* thread = take_for(*longest, cpu.index);
  if (thread) move_between(*longest, queue_of(cpu), thread);
  return thread;
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

/// Switches from the running thread to `next`, with the lock held; `scheduler_finish_switch` releases
/// it.
void switch_to(Thread* next) {
  CpuLocal& cpu = this_cpu();
  Thread* previous = cpu.current;
  next->cpu = cpu.index;
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

/// Chooses the next thread and switches to it. The lock is held, and the running thread is already in
/// its new state.
void schedule(uint64_t now) {
  CpuLocal& cpu = this_cpu();
  RunQueue& queue = queue_of(cpu);
  charge(cpu.current, now);
  cpu.reschedule_wanted = 0;
  Thread* next = take_for(queue, cpu.index);
  if (!next) next = steal_for(cpu);
  if (!next) {
    next = cpu.idle;
  } else if (next->virtual_runtime > queue.minimum_virtual_runtime) {
    queue.minimum_virtual_runtime = next->virtual_runtime;
  }
  next->state = Thread::State::Running;
  next->run_started = now;
  next->accounting_mark = now;
  if (queue.length > 0) alarm_at(now + kTimeSlice);
  switch_to(next);
}

bool is_free(const CpuLocal& cpu) {
  return cpu.current && cpu.current->is_idle && run_queues[cpu.index].length == 0;
}

/// Where a thread that wakes is served soonest; after a patient wake-up, where that costs least.
CpuLocal& choose_cpu(const Thread* thread) {
  CpuLocal& here = this_cpu();
  if (may_run_on(thread, here.index) && here.current &&
      (here.current->wakes_patiently || is_free(here)))
    return here;
  const unsigned count = cpu_count();
  CpuLocal* best = nullptr;
  for (unsigned i = 0; i < count; ++i) {
    // Starts with where it ran last: its memory is in that CPU's caches.
    const unsigned index = (thread->cpu + i) % count;
    if (!may_run_on(thread, index)) continue;
    CpuLocal& cpu = cpu_at(index);
    if (is_free(cpu)) return cpu;
    if (!best) best = &cpu;
  }
  return best ? *best : cpu_at(0);
}

/// Puts a thread that may run into a CPU's queue, and has that CPU run it now if it is due.
void place(Thread* thread, CpuLocal& cpu) {
  const uint64_t now = monotonic_nanoseconds();
  RunQueue& queue = queue_of(cpu);
  if (thread->cpu != cpu.index) move_between(run_queues[thread->cpu], queue, thread);
  const uint64_t floor = queue.minimum_virtual_runtime > kSleeperCredit
                             ? queue.minimum_virtual_runtime - kSleeperCredit
                             : 0;
  if (thread->virtual_runtime < floor) thread->virtual_runtime = floor;
  thread->cpu = cpu.index;
  enqueue(queue, thread);
  Thread* const running = cpu.current;
  if (!running) return;
  if (running->wakes_patiently && !running->is_idle && &cpu == &this_cpu()) {
    alarm_at(now + kPatience);
  } else if (running->is_idle || thread->virtual_runtime + kWakeGranularity <
                                     running->virtual_runtime + (now - running->run_started)) {
    request_reschedule(cpu);
  } else if (&cpu == &this_cpu()) {
    alarm_at(now + kTimeSlice);
  } else {
    request_reschedule(cpu);  // which looks at its queue and sets its own alarm
  }
}

}  // namespace

void scheduler_finish_switch() {
  CpuLocal& cpu = this_cpu();
  Thread* dead = cpu.dead_thread;
  cpu.dead_thread = nullptr;
  scheduler_lock.unlock(false);
  if (dead) dead->release();
}

void Scheduler::make_runnable(Thread* thread) {
  SpinGuard guard(scheduler_lock);
  thread->wake_pending = true;
  if (thread->state != Thread::State::Sleeping) return;
  place(thread, choose_cpu(thread));
}

void Scheduler::interrupt(Thread* thread) {
  SpinGuard guard(scheduler_lock);
  if (thread->state == Thread::State::Running && thread != this_cpu().current)
    request_reschedule(cpu_at(thread->cpu));
}

void Scheduler::set_affinity(Thread* thread, uint64_t affinity) {
  SpinGuard guard(scheduler_lock);
  thread->affinity = affinity;
  if (may_run_on(thread, thread->cpu)) return;
  if (thread->state == Thread::State::Runnable) {
    RunQueue& queue = run_queues[thread->cpu];
    thread->run_node.unlink();
    --queue.length;
    place(thread, choose_cpu(thread));
  } else if (thread->state == Thread::State::Running) {
    request_reschedule(cpu_at(thread->cpu));
  }
}

void Scheduler::yield() {
  const bool enabled = scheduler_lock.lock();
  const uint64_t now = monotonic_nanoseconds();
  CpuLocal& cpu = this_cpu();
  Thread* current = cpu.current;
  charge(current, now);
  if (!current->is_idle) {
    if (may_run_on(current, cpu.index)) {
      enqueue(queue_of(cpu), current);
    } else {
      // Put elsewhere; nobody takes it up before this CPU has left it, as that needs the lock.
      place(current, choose_cpu(current));
    }
  }
  schedule(now);
  if (enabled) enable_interrupts();
}

bool scheduler_sleep(Thread* thread, bool interruptible) {
  scheduler_lock.lock();
  if (thread->wake_pending) {
    scheduler_lock.unlock(false);
    return false;
  }
  thread->sleeps_interruptibly = interruptible;
  thread->state = Thread::State::Sleeping;
  schedule(monotonic_nanoseconds());
  thread->sleeps_interruptibly = false;
  return true;
}

void scheduler_tick() {
  CpuLocal& cpu = this_cpu();
  Thread* current = cpu.current;
  if (!current || current->is_idle) return;
  SpinGuard guard(scheduler_lock);
  const uint64_t now = monotonic_nanoseconds();
  charge(current, now);
  Thread* first = queue_of(cpu).threads.front();
  if (!first) return;
  alarm_at(now + kTimeSlice);
  for (unsigned i = 0; i < cpu_count(); ++i) {
    if (!may_run_on(first, i) || !is_free(cpu_at(i))) continue;
    request_reschedule(cpu_at(i));  // takes it from here
    return;
  }
  if (first->virtual_runtime < current->virtual_runtime + kTimeSlice) cpu.reschedule_wanted = 1;
}

PatientWakes::PatientWakes() : before_(Thread::current()->wakes_patiently) {
  Thread::current()->wakes_patiently = true;
}

PatientWakes::~PatientWakes() { Thread::current()->wakes_patiently = before_; }

bool Scheduler::needs_reschedule() { return this_cpu().reschedule_wanted != 0; }

void Scheduler::exit_thread() {
  scheduler_lock.lock();
  CpuLocal& cpu = this_cpu();
  Thread* current = cpu.current;
  current->state = Thread::State::Dead;
  if (cpu.extended_state_owner == current) cpu.extended_state_owner = nullptr;
  cpu.dead_thread = current;
  schedule(monotonic_nanoseconds());
  panic("a thread that ended was scheduled again");
}

void join_scheduler(CpuLocal& cpu) {
  SpinGuard guard(scheduler_lock);
  add_cpu(&cpu);
  cpu.idle->cpu = cpu.index;
}

void scheduler_expect_several_cpus() { several_cpus = true; }

void run_idle_loop(void (*first_idle)()) {
  for (;;) {
    disable_interrupts();
    // Other queues were looked at when this CPU ran out of work; who fills them later sends it word.
    if (Scheduler::needs_reschedule() ||
        __atomic_load_n(&queue_of(this_cpu()).length, __ATOMIC_RELAXED) > 0) {
      Scheduler::yield();
      enable_interrupts();
      continue;
    }
    if (first_idle) {
      enable_interrupts();
      first_idle();
      first_idle = nullptr;
      continue;
    }
    begin_halt();
    asm volatile("sti; hlt; cli" : : : "memory");
    end_halt();
  }
}

}  // namespace runtime

extern "C" void thread_started() { runtime::scheduler_finish_switch(); }
