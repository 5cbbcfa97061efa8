#include "linux/cpu_clock.h"

#include "linux/process_info.h"
#include "sched/thread.h"
#include "time/clock.h"

namespace runtime {

namespace {

/// Time since the calling thread's time was last written down, which was at its system call.
uint64_t time_in_this_call() {
  const Thread* const thread = Thread::current();
  if (!thread) return 0;
  const uint64_t now = monotonic_nanoseconds();
  const uint64_t mark = thread->accounting_mark;
  return mark && now > mark ? now - mark : 0;
}

}  // namespace

CpuTimeUsed thread_cpu_time(const Thread& thread) {
  CpuTimeUsed used = {thread.user_nanoseconds, thread.system_nanoseconds};
  if (&thread == Thread::current()) used.system += time_in_this_call();
  return used;
}

CpuTimeUsed process_cpu_time() {
  // There is one process, so what the CPUs did for the application they did for it.
  CpuTimeUsed used = {0, time_in_this_call()};
  for (unsigned cpu = 0; cpu < cpu_info().count; ++cpu) {
    const CpuTimes times = cpu_times(cpu);
    used.user += times.user;
    used.system += times.system;
  }
  return used;
}

}  // namespace runtime
