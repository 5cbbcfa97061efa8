#include "lockup/lockup.h"

#include "arch/x86_64/cpu.h"
#include "boot/crash.h"
#include "interrupts/apic.h"
#include "interrupts/where.h"
#include "lib/format.h"
#include "lockup/hpet_alarm.h"
#include "sched/scheduler.h"
#include "sched/scheduler_internal.h"
#include "sched/thread.h"
#include "sched/wait_queue.h"
#include "smp/cpus.h"
#include "time/timer.h"

namespace runtime {

namespace {

constexpr uint64_t kInterval = 2 * kNanosecondsPerSecond;
/// In the kernel, or without an interrupt, for so long is stuck.
constexpr uint64_t kLimitSeconds = 10;
constexpr uint64_t kLimit = kLimitSeconds * kNanosecondsPerSecond;
constexpr uint64_t kProvokedSeconds = 25;
/// Node has started by then, and names of functions are known.
constexpr uint64_t kProvokedDelay = 8 * kNanosecondsPerSecond;

/// What is known of one CPU. Its own interrupts write the first part, the check the second.
struct Watched {
  uint64_t progress_time = 0;  // when it was last seen to get on
  uint64_t switches = 0;
  uint64_t system_calls = 0;
  uint64_t exceptions = 0;
  bool has_reported = false;

  uint64_t interrupts = 0;
  uint64_t answered_time = 0;  // when the count of its interrupts was last seen to move
  bool is_told = false;        // by a non-maskable interrupt, to report itself
};
Watched watched[kMaximumCpus];

Timer check_timer;
ProvokedLockup provoked = ProvokedLockup::None;
bool is_watching = false;

bool is_at_work(const TrapFrame* frame) {
  const Thread* const thread = Thread::current();
  return !in_application(frame) && thread && !thread->is_idle;
}

void report(const TrapFrame* frame, Watched& self) {
  if (__atomic_exchange_n(&self.has_reported, true, __ATOMIC_RELAXED)) return;
  report_stuck_cpu(frame, this_cpu().index, kLimitSeconds);
}

/// Looks at one other CPU, and makes it answer until the next look.
void look_at(CpuLocal& cpu, Watched& state, uint64_t now) {
  const uint64_t interrupts = __atomic_load_n(&cpu.interrupts, __ATOMIC_RELAXED);
  const bool is_halted = __atomic_load_n(&cpu.is_halted, __ATOMIC_RELAXED) != 0;
  if (is_halted || interrupts != state.interrupts || state.answered_time == 0) {
    state.interrupts = interrupts;
    state.answered_time = now;
    if (!is_halted) request_reschedule(cpu);
    return;
  }
  if (now - state.answered_time < kLimit || __atomic_load_n(&state.has_reported, __ATOMIC_RELAXED))
    return;
  __atomic_store_n(&state.is_told, true, __ATOMIC_RELEASE);
  apic_send_non_maskable(cpu.apic_id);
}

void note_recovery(unsigned index, Watched& state, uint64_t now) {
  if (!__atomic_load_n(&state.has_reported, __ATOMIC_RELAXED)) return;
  const uint64_t progress = __atomic_load_n(&state.progress_time, __ATOMIC_RELAXED);
  if (progress == 0 || now - progress > kInterval) return;
  __atomic_store_n(&state.has_reported, false, __ATOMIC_RELAXED);
  log(LogLevel::Warn, "CPU %u goes on; it was stuck in the kernel", index);
}

void check(Timer*) {
  const uint64_t now = monotonic_nanoseconds();
  for (unsigned i = 0; i < cpu_count(); ++i) {
    CpuLocal& cpu = cpu_at(i);
    if (&cpu != &this_cpu()) look_at(cpu, watched[i], now);
    note_recovery(i, watched[i], now);
  }
  hpet_alarm_set(kLimitSeconds);
  start_timer(&check_timer, Deadline::after(kInterval));
}

/// No check has had a turn: every CPU that is at work reports itself, this one first.
void tell_all(const TrapFrame* frame) {
  for (unsigned i = 0; i < cpu_count(); ++i) {
    CpuLocal& cpu = cpu_at(i);
    if (&cpu == &this_cpu() || __atomic_load_n(&cpu.is_halted, __ATOMIC_RELAXED)) continue;
    __atomic_store_n(&watched[i].is_told, true, __ATOMIC_RELEASE);
    apic_send_non_maskable(cpu.apic_id);
  }
  if (is_at_work(frame) || !(frame->rflags & kFlagInterrupt))
    report(frame, watched[this_cpu().index]);
}

void spin() {
  const Deadline end = Deadline::after(kProvokedSeconds * kNanosecondsPerSecond);
  while (!end.has_passed()) asm volatile("pause");
}

void provoked_thread(void*) {
  WaitQueue nobody_wakes;
  nobody_wakes.wait([] { return false; }, Deadline::after(kProvokedDelay), false);
  if (provoked == ProvokedLockup::WithoutInterrupts) disable_interrupts();
  spin();
  enable_interrupts();
}

}  // namespace

void lockup_watch_start() {
  check_timer.callback = check;
  __atomic_store_n(&is_watching, true, __ATOMIC_RELEASE);
  if (!hpet_alarm_initialise())
    log(LogLevel::Debug,
        "no HPET alarm: a single CPU that is stuck without interrupts is not noticed");
  check(&check_timer);
  if (provoked == ProvokedLockup::None) return;
  Result<RefPtr<Thread>> created = create_kernel_thread("provoked", provoked_thread, nullptr);
  if (!created.is_error()) Scheduler::make_runnable(created.value().get());
}

void lockup_note_interrupt(const TrapFrame* frame) {
  if (!__atomic_load_n(&is_watching, __ATOMIC_ACQUIRE)) return;
  const CpuLocal& cpu = this_cpu();
  Watched& self = watched[cpu.index];
  const uint64_t now = monotonic_nanoseconds();
  if (!is_at_work(frame) || cpu.context_switches != self.switches ||
      cpu.system_calls != self.system_calls || cpu.exceptions != self.exceptions ||
      self.progress_time == 0) {
    self.switches = cpu.context_switches;
    self.system_calls = cpu.system_calls;
    self.exceptions = cpu.exceptions;
    __atomic_store_n(&self.progress_time, now, __ATOMIC_RELAXED);
  } else if (now - self.progress_time >= kLimit) {
    report(frame, self);
  }
}

bool lockup_take_non_maskable(const TrapFrame* frame) {
  if (!__atomic_load_n(&is_watching, __ATOMIC_ACQUIRE)) return false;
  Watched& self = watched[this_cpu().index];
  if (__atomic_exchange_n(&self.is_told, false, __ATOMIC_ACQ_REL)) {
    if (is_at_work(frame) || !(frame->rflags & kFlagInterrupt)) report(frame, self);
    return true;
  }
  if (!hpet_alarm_has_come()) return false;
  tell_all(frame);
  hpet_alarm_set(kLimitSeconds);
  return true;
}

void lockup_provoke(ProvokedLockup kind) { provoked = kind; }

}  // namespace runtime
