// Reports a CPU that is stuck in the kernel, with its backtrace, and lets it go on.
//
// Two kinds. A CPU that takes interrupts is asked every two seconds where it is: when it has been in the
// kernel for ten seconds without going back to the app, switching threads or beginning a system call or a
// fault of the app's, it reports itself. One that does not take them is found by the CPU whose turn the check
// is, and told to report itself by a non-maskable interrupt. When the check itself has no turn, the HPET sends
// the first CPU such an interrupt, where the machine has one: so a single CPU is found, too.
#pragma once

#include "arch/x86_64/trap_frame.h"

namespace runtime {

/// Begins to watch. Needs clocks and timers.
void lockup_watch_start();
/// Tells where an interrupt has found this CPU.
void lockup_note_interrupt(const TrapFrame* frame);
/// A non-maskable interrupt came. Returns false when it is none of the watch's: hardware reports an error.
bool lockup_take_non_maskable(const TrapFrame* frame);

/// For tests of the above: what a bug would do, for 25 seconds, 8 seconds after boot.
enum class ProvokedLockup : unsigned char {
  None,
  WithInterrupts,    // a kernel thread that does not end
  WithoutInterrupts  // the same with interrupts off
};
void lockup_provoke(ProvokedLockup kind);

}  // namespace runtime
