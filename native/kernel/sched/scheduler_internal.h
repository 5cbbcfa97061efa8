// What the scheduler shares with the code that creates, blocks and interrupts threads.
#pragma once

#include <stdint.h>

#include "lib/ref.h"
#include "lib/result.h"
#include "sched/thread.h"

extern "C" void switch_stacks(uint64_t* save, uint64_t load);

namespace runtime {

struct CpuLocal;

/// Runs on the new thread's stack after each switch: frees the thread that just ended.
void scheduler_finish_switch();
/// Puts the calling thread to sleep, unless a wake-up came since Sleeper::prepare: then returns false at
/// once. Interrupts are off.
bool scheduler_sleep(Thread* thread, bool interruptible);
/// Called by the timer interrupt: has the running thread used up its slice?
void scheduler_tick();
/// Turns the boot flow into the idle thread's loop. `first_idle` runs once, when there is nothing else
/// to do: what boot does not need waits for that.
[[noreturn]] void run_idle_loop(void (*first_idle)());
/// Makes the thread record for the boot flow, which becomes the idle thread.
void scheduler_initialise();
/// Makes the idle thread of a further CPU. Returns false when there is no memory.
bool prepare_idle_thread(CpuLocal& cpu);
/// Runs on a further CPU: it takes part from now on.
void join_scheduler(CpuLocal& cpu);
/// Further CPUs will join; called before the first application thread exists.
void scheduler_expect_several_cpus();
/// CPUs without work halt at once, rather than after a while in which they look for some.
void scheduler_halt_when_idle();

/// Creates a thread that starts in the application with `frame`. Its id is the next one that is at least
/// `wanted_id`. Errors: NoMemory.
Result<RefPtr<Thread>> create_application_thread(const char* name, const TrapFrame& frame,
                                                 int wanted_id = 0);
/// Creates a thread of the kernel's own, asleep: Scheduler::make_runnable lets it call `function`. It is
/// not one of the app's (find_thread, thread_count), gets no signals, has no extended state, and is not
/// preempted: between long steps it calls `yield_if_wanted`. Lives until `function` returns. Errors:
/// NoMemory.
Result<RefPtr<Thread>> create_kernel_thread(const char* name, void (*function)(void* argument),
                                            void* argument);
/// Gives the CPU away when another thread should have it. From kernel threads that hold no lock.
void yield_if_wanted();
/// Takes the thread out of the table of live threads.
void forget_thread(Thread* thread);

/// Charges time since the last mark to the application (`in_application`) or the kernel.
void account_time(bool in_application);

}  // namespace runtime
