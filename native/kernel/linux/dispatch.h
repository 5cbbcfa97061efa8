// From the `syscall` instruction to the handler and back.
#pragma once

#include "arch/x86_64/trap_frame.h"

namespace runtime {

/// Switches the trace of system calls (`trace=syscalls`) on or off.
void set_system_call_trace(bool enabled);

}  // namespace runtime

/// Called by entry.S. Returns true when every register must be loaded from the frame.
extern "C" bool system_call_dispatch(runtime::TrapFrame* frame);
/// What is due before the application goes on: another thread's turn, signals. Returns true when the
/// frame was changed. Interrupts are off afterwards.
extern "C" bool prepare_return(runtime::TrapFrame* frame);
