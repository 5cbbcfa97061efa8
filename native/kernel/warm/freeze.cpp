#include "warm/freeze.h"

#include "arch/x86_64/cpu.h"
#include "boot/exit_status.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "linux/process_info.h"
#include "sched/scheduler.h"
#include "sched/scheduler_internal.h"
#include "sched/thread.h"
#include "terminal/terminal.h"
#include "warm/state_writer.h"

namespace runtime {

bool freeze_has_begun = false;

namespace {

ProcessOrigin origin = ProcessOrigin::Started;
constexpr uint64_t kLook = kNanosecondsPerMillisecond;
constexpr uint64_t kPatience = 20 * kNanosecondsPerSecond;

[[noreturn]] void give_up(const char* why) {
  terminals_send_rest();
  log(LogLevel::Error, "error: the process cannot be frozen: %s", why);
  end_machine(1, "not frozen", EndKind::Wanted);
}

/// A thread that runs or sleeps, rather than having stopped; empty when all have.
RefPtr<Thread> find_thread_on_its_way() {
  ThreadInfo info;
  for (int id = 0; next_thread(id, &info); id = info.id + 1) {
    RefPtr<Thread> thread = find_thread(info.id);
    if (thread && !__atomic_load_n(&thread->frozen_frame, __ATOMIC_ACQUIRE)) return thread;
  }
  return nullptr;
}

/// Has every thread that waits in a call leave it, as a signal without a handler would.
void interrupt_all() {
  ThreadInfo info;
  for (int id = 0; next_thread(id, &info); id = info.id + 1) {
    RefPtr<Thread> thread = find_thread(info.id);
    if (!thread || thread->frozen_frame) continue;
    if (thread->state == Thread::State::Sleeping && !thread->sleeps_interruptibly) continue;
    Scheduler::make_runnable(thread.get());
    Scheduler::interrupt(thread.get());
  }
}

void freeze(void*) {
  __atomic_store_n(&freeze_has_begun, true, __ATOMIC_SEQ_CST);
  const Deadline deadline = Deadline::after(kPatience);
  Sleeper sleeper;
  while (RefPtr<Thread> thread = find_thread_on_its_way()) {
    if (deadline.has_passed()) {
      char why[128];
      format(why, sizeof(why), "thread %d (%s) stays in a call of the kernel", thread->id(),
             thread->name);
      give_up(why);
    }
    interrupt_all();
    sleeper.prepare();
    (void)sleeper.sleep(Deadline::after(kLook), false);
  }
  WrittenState written;
  char problem[256];
  if (!write_frozen_state(&written, problem, sizeof(problem))) give_up(problem);
  char reason[96];
  format(reason, sizeof(reason), "frozen at %llu, %llu bytes",
         static_cast<unsigned long long>(written.where.value),
         static_cast<unsigned long long>(written.size));
  end_machine(0, reason, EndKind::Wanted);
}

}  // namespace

ProcessOrigin process_origin() { return origin; }
void set_process_origin(ProcessOrigin chosen) { origin = chosen; }

int32_t freeze_begin() {
  if (origin != ProcessOrigin::ToBeFrozen) return -static_cast<int32_t>(Errno::Perm);
  Result<RefPtr<Thread>> thread = create_kernel_thread("freeze", freeze, nullptr);
  if (thread.is_error()) return -static_cast<int32_t>(thread.error());
  Scheduler::make_runnable(thread.value().get());
  return 0;
}

void freeze_park(const TrapFrame* frame) {
  Thread* const thread = Thread::current();
  save_extended_state(thread->extended_state);
  __atomic_store_n(&thread->frozen_frame, frame, __ATOMIC_RELEASE);
  enable_interrupts();
  Sleeper sleeper;
  for (;;) {
    sleeper.prepare();
    (void)sleeper.sleep(Deadline::never(), false);
  }
}

}  // namespace runtime
