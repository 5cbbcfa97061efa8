#include "sched/placement.h"

#include "sched/scheduler.h"
#include "smp/cpus.h"
#include "time/clock_source.h"

namespace runtime {

namespace {

constexpr uint64_t kWakeGranularity = 1 * kNanosecondsPerMillisecond;
constexpr uint64_t kPatience = 1 * kNanosecondsPerMillisecond;
/// How often a CPU passes a thread on to one that has but one less.
constexpr uint64_t kRotation = 64 * kNanosecondsPerMillisecond;

CpuQueue queues[kMaximumCpus];

/// One bit for each CPU that has nothing to do and was not told of work since it said so.
uint64_t idle_cpus = 0;

uint64_t affinity_of(const Thread* thread) {
  return __atomic_load_n(&thread->affinity, __ATOMIC_RELAXED);
}

/// Whoever takes an idle CPU's bit wakes it. Returns null when none of the mask is idle; prefers `first`,
/// then the next ones.
CpuLocal* claim_idle(uint64_t mask, unsigned first) {
  for (;;) {
    const uint64_t idle = __atomic_load_n(&idle_cpus, __ATOMIC_SEQ_CST) & mask & cpu_mask();
    if (idle == 0) return nullptr;
    const uint64_t from_first = idle >> first << first;
    const unsigned index =
        static_cast<unsigned>(__builtin_ctzll(from_first != 0 ? from_first : idle));
    const uint64_t bit = 1ull << index;
    if (__atomic_fetch_and(&idle_cpus, ~bit, __ATOMIC_SEQ_CST) & bit) return &cpu_at(index);
  }
}

/// Where a thread that wakes is served soonest; after a patient wake-up, where that costs least.
CpuLocal& choose_cpu(const Thread* thread) {
  CpuLocal& here = this_cpu();
  const uint64_t allowed = affinity_of(thread);
  if (allowed >> here.index & 1 && here.current &&
      (here.current->wakes_patiently ||
       (here.current->is_idle && queue_of(here).threads.length() == 0)))
    return here;
  // Starts with where it ran last: its memory is in that CPU's caches.
  const unsigned last = __atomic_load_n(&thread->cpu, __ATOMIC_RELAXED);
  if (CpuLocal* idle = claim_idle(allowed, last)) return *idle;
  if (allowed >> last & 1 || (allowed & cpu_mask()) == 0) return cpu_at(last);
  return cpu_at(static_cast<unsigned>(__builtin_ctzll(allowed & cpu_mask())));
}

/// What follows once a thread is queued and the queue's lock is free.
struct Notice {
  bool wakes_cpu = false;       // the CPU has to look at its queue
  uint64_t relieving_cpus = 0;  // may take the thread over, should one be idle
};

/// Queues a thread that belongs to the queue of `cpu`, which is locked.
Notice enqueue(Thread* thread, CpuLocal& cpu) {
  const uint64_t now = monotonic_nanoseconds();
  RunQueue& threads = queue_of(cpu).threads;
  const bool was_empty = threads.length() == 0;
  const Thread* const running = cpu.current;
  threads.limit_credit(thread, running && !running->is_idle ? running->nice : 0);
  thread->state = Thread::State::Runnable;
  threads.add(thread);
  Notice notice;
  if (!running) return notice;  // a CPU on its way: it looks at its queue when it is there
  if (running->is_idle) {
    notice.wakes_cpu = true;
    return notice;
  }
  const bool is_here = &cpu == &this_cpu();
  if (running->wakes_patiently && is_here) {
    alarm_at(now + kPatience);
    return notice;
  }
  notice.relieving_cpus = affinity_of(thread) & ~(1ull << cpu.index);
  const uint64_t used =
      now > running->run_started ? weighted_runtime(now - running->run_started, running->nice) : 0;
  if (thread->virtual_runtime + kWakeGranularity < running->virtual_runtime + used) {
    notice.wakes_cpu = true;
  } else if (is_here) {
    alarm_at(now + kTimeSlice);
  } else {
    notice.wakes_cpu = was_empty;  // nobody waited there: it has no alarm set
  }
  return notice;
}

/// Tells whoever has to know that a thread was queued for `cpu`.
void follow(const Notice& notice, CpuLocal& cpu) {
  if (notice.wakes_cpu) request_reschedule(cpu);
  if (notice.relieving_cpus == 0) return;
  // A CPU that ran out of work meanwhile may have looked at the queue before the thread was in it.
  if (CpuLocal* const idle = claim_idle(notice.relieving_cpus, cpu.index))
    request_reschedule(*idle);
}

/// Threads that one CPU has to share its time among. A hint.
unsigned load_of(const CpuLocal& cpu) {
  const Thread* const running = __atomic_load_n(&cpu.current, __ATOMIC_RELAXED);
  return queues[cpu.index].threads.length() + (running && running != cpu.idle ? 1 : 0);
}

/// Makes a thread that is in no queue any more belong to the queue of `to`.
Thread* detach(const RunQueue& from, RunQueueEntry* entry, const CpuLocal& to) {
  Thread* const thread = static_cast<Thread*>(entry);
  thread->state = Thread::State::Moving;
  from.leave(thread);
  __atomic_store_n(&thread->cpu, to.index, __ATOMIC_RELEASE);
  return thread;
}

/// Puts a thread that is Moving, and belongs to the queue of `cpu`, into it. Returns false when it may not
/// run there any more.
bool attach(Thread* thread, CpuLocal& cpu) {
  CpuQueue& queue = queue_of(cpu);
  Notice notice;
  bool may_run = false;
  {
    SpinGuard guard(queue.lock);
    may_run = may_run_on(thread, cpu.index);
    if (may_run) {
      queue.threads.enter(thread);
      notice = enqueue(thread, cpu);
    } else {
      notice.wakes_cpu = true;  // it may have been told that work comes
    }
  }
  follow(notice, cpu);
  return may_run;
}

Thread* take_from(unsigned victim, const CpuLocal& cpu) {
  CpuQueue& queue = queues[victim];
  SpinGuard guard(queue.lock);
  RunQueueEntry* const entry = queue.threads.take_for(cpu.index);
  return entry ? detach(queue.threads, entry, cpu) : nullptr;
}

/// The CPU with the least load of those that have less than `load`; null when there is none.
CpuLocal* least_loaded(unsigned load, unsigned* least) {
  CpuLocal* found = nullptr;
  *least = load;
  for (unsigned i = 0; i < cpu_count(); ++i) {
    const unsigned other = load_of(cpu_at(i));
    if (other >= *least) continue;
    *least = other;
    found = &cpu_at(i);
  }
  return found;
}

}  // namespace

CpuQueue& queue_of(const CpuLocal& cpu) { return queues[cpu.index]; }

ThreadQueueGuard::ThreadQueueGuard(const Thread* thread) {
  for (;;) {
    const unsigned cpu = __atomic_load_n(&thread->cpu, __ATOMIC_ACQUIRE);
    queue_ = &queues[cpu];
    interrupts_ = queue_->lock.lock();
    if (__atomic_load_n(&thread->cpu, __ATOMIC_ACQUIRE) == cpu) return;
    queue_->lock.unlock(interrupts_);
  }
}

bool may_run_on(const Thread* thread, unsigned cpu) { return affinity_of(thread) >> cpu & 1; }

void settle(Thread* thread) {
  CpuLocal* target = nullptr;
  do {
    target = &choose_cpu(thread);
    ThreadQueueGuard guard(thread);
    __atomic_store_n(&thread->cpu, target->index, __ATOMIC_RELEASE);
  } while (!attach(thread, *target));
}

void announce_idle(const CpuLocal& cpu) {
  // Before this CPU looks at the queues; `follow` looks at the mask after a thread was queued. So one of the
  // two sees the other.
  __atomic_fetch_or(&idle_cpus, 1ull << cpu.index, __ATOMIC_SEQ_CST);
}

void withdraw_idle(const CpuLocal& cpu) {
  const uint64_t bit = 1ull << cpu.index;
  if (__atomic_load_n(&idle_cpus, __ATOMIC_RELAXED) & bit)
    __atomic_fetch_and(&idle_cpus, ~bit, __ATOMIC_SEQ_CST);
}

bool steal_for(CpuLocal& cpu) {
  const unsigned count = cpu_count();
  unsigned longest = cpu.index;
  unsigned length = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (i == cpu.index || queues[i].threads.length() <= length) continue;
    longest = i;
    length = queues[i].threads.length();
  }
  if (length == 0) return false;
  Thread* thread = take_from(longest, cpu);
  for (unsigned i = 0; !thread && i < count; ++i)
    if (i != cpu.index && queues[i].threads.length() > 0) thread = take_from(i, cpu);
  if (!thread) return false;
  if (!attach(thread, cpu)) settle(thread);
  return true;
}

bool relieve(CpuLocal& cpu, uint64_t now) {
  CpuQueue& queue = queue_of(cpu);
  uint64_t movable = 0;
  {
    SpinGuard guard(queue.lock);
    if (const RunQueueEntry* const first = queue.threads.first()) movable = first->affinity;
  }
  movable &= ~(1ull << cpu.index);
  if (movable == 0) return false;
  if (CpuLocal* const idle = claim_idle(movable, cpu.index)) {
    request_reschedule(*idle);  // it takes one from here
    return true;
  }
  const unsigned load = load_of(cpu);
  unsigned least = 0;
  CpuLocal* const target = least_loaded(load, &least);
  // Where one has but one more they take turns: three threads on two CPUs get two thirds each.
  if (!target || (load - least < 2 && now - cpu.last_relief < kRotation)) return false;
  Thread* moved = nullptr;
  {
    SpinGuard guard(queue.lock);
    RunQueueEntry* const entry = queue.threads.take_last_for(1ull << target->index);
    if (!entry) return false;
    moved = detach(queue.threads, entry, *target);
  }
  cpu.last_relief = now;
  __atomic_store_n(&target->last_relief, now, __ATOMIC_RELAXED);
  if (!attach(moved, *target)) settle(moved);
  return true;
}

void Scheduler::make_runnable(Thread* thread) {
  Notice notice;
  CpuLocal* target = nullptr;
  bool moves = false;
  {
    ThreadQueueGuard guard(thread);
    thread->wake_pending = true;
    if (thread->state != Thread::State::Sleeping) return;
    target = &choose_cpu(thread);
    moves = thread->cpu != target->index;
    if (moves) {
      detach((*guard).threads, thread, *target);
    } else {
      notice = enqueue(thread, *target);
    }
  }
  if (!moves) {
    follow(notice, *target);
  } else if (!attach(thread, *target)) {
    settle(thread);
  }
}

void Scheduler::interrupt(Thread* thread) {
  ThreadQueueGuard guard(thread);
  if (thread->state == Thread::State::Running && thread != this_cpu().current)
    request_reschedule(cpu_at(thread->cpu));
}

void Scheduler::set_affinity(Thread* thread, uint64_t affinity) {
  {
    ThreadQueueGuard guard(thread);
    __atomic_store_n(&thread->affinity, affinity, __ATOMIC_RELAXED);
    if (may_run_on(thread, thread->cpu)) return;
    if (thread->state == Thread::State::Running) request_reschedule(cpu_at(thread->cpu));
    // Who sleeps chooses anew when it wakes, and who moves is looked at once more where it arrives.
    if (thread->state != Thread::State::Runnable) return;
    (*guard).threads.remove(thread);
    detach((*guard).threads, thread, cpu_at(thread->cpu));
  }
  settle(thread);
}

void Scheduler::set_nice(Thread* thread, int nice) {
  ThreadQueueGuard guard(thread);
  if (thread->nice == nice) return;
  if (thread->state == Thread::State::Moving) {
    thread->virtual_runtime = reweighted_runtime(thread->virtual_runtime, thread->nice, nice);
    thread->nice = nice;
    return;
  }
  const uint64_t now = monotonic_nanoseconds();
  if (thread->state == Thread::State::Running && now > thread->run_started) {
    thread->virtual_runtime += weighted_runtime(now - thread->run_started, thread->nice);
    thread->run_started = now;
  }
  (*guard).threads.reweigh(thread, nice);
  // Others may be due before it now.
  if (thread->state == Thread::State::Running) request_reschedule(cpu_at(thread->cpu));
}

void Scheduler::inherit(Thread* child) {
  const Thread* const parent = Thread::current();
  ThreadQueueGuard guard(parent);
  child->nice = parent->nice;
  child->affinity = parent->affinity;
  child->virtual_runtime = parent->virtual_runtime;
  child->cpu = parent->cpu;
}

}  // namespace runtime
