#include "interrupts/contain.h"

#include "arch/x86_64/cpu.h"
#include "boot/crash.h"
#include "sched/thread.h"

#pragma GCC visibility push(hidden)
extern "C" bool call_contained(void (*function)(void*), void* argument, uint64_t* resume_stack);
extern "C" const char contained_call_failed[];
#pragma GCC visibility pop

namespace runtime {

bool contain(void (*function)(void* argument), void* argument) {
  uint64_t& resume_stack = Thread::current()->contained_call_stack;
  const bool has_returned = call_contained(function, argument, &resume_stack);
  resume_stack = 0;
  return has_returned;
}

bool end_contained_call(TrapFrame* frame, uint64_t address) {
  Thread* const thread = Thread::current();
  // Whoever holds a spinlock has interrupts off; so have interrupt handlers.
  if (!thread || !thread->contained_call_stack || !(frame->rflags & kFlagInterrupt)) return false;
  report_contained_fault(frame, address);
  frame->rip = reinterpret_cast<uint64_t>(contained_call_failed);
  frame->rsp = thread->contained_call_stack;
  return true;
}

}  // namespace runtime
