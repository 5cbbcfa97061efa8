// The scheduler: runnable threads ordered by weighted CPU time, preempted on the way back to the
// application.
#pragma once

#include "sched/thread.h"

namespace runtime {

class Scheduler {
 public:
  /// Makes a new or sleeping thread runnable. Interrupt-safe.
  static void make_runnable(Thread* thread);
  /// Has a thread that runs on another CPU look at its signals soon.
  static void interrupt(Thread* thread);
  /// Lets `thread` run on the CPUs of a mask only, of which one at least must exist.
  static void set_affinity(Thread* thread, uint64_t affinity);
  /// Gives a thread another nice value, from now on: what it has used so far counts as before.
  static void set_nice(Thread* thread, int nice);
  /// Gives a new thread, which does not run yet, the calling one's priority, CPUs and CPU time.
  static void inherit(Thread* child);
  /// Gives the CPU to another runnable thread, if there is one; returns when scheduled again.
  static void yield();
  /// Ends the calling thread. Its kernel stack is freed by the next thread.
  [[noreturn]] static void exit_thread();
  /// True when the running thread should give up the CPU before it returns to the application.
  static bool needs_reschedule();
};

/// As long as one lives, threads that its maker wakes wait for the CPU that it runs on until that thread
/// blocks. After a millisecond an idle CPU takes them, or they preempt it. For wake-ups of which more
/// are likely to follow, by a thread that is likely to block soon: what has piled up by then costs one
/// switch, and no other CPU has to be woken.
class PatientWakes {
 public:
  PatientWakes();
  ~PatientWakes();
  PatientWakes(const PatientWakes&) = delete;
  PatientWakes& operator=(const PatientWakes&) = delete;

 private:
  bool before_;
};

}  // namespace runtime
