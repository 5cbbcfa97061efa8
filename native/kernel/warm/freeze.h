// Freezing the process, for an image that starts from its state. It is done once, on the machine that builds the
// image (option warm=freeze): every thread of the app stops on its way back from the kernel, as for a
// signal, the state is written to memory, and the machine ends; who runs it reads its memory.
#pragma once

#include <stdint.h>

#include "arch/x86_64/trap_frame.h"

namespace runtime {

/// How the process has come to life, RUNTIME_PROCESS_* of the kernel interface.
enum class ProcessOrigin : uint32_t { Started = 0, ToBeFrozen = 1, Resumed = 2 };
ProcessOrigin process_origin();
void set_process_origin(ProcessOrigin origin);

/// Begins to freeze. Returns 0, or -EPERM when this process is not to be frozen.
int32_t freeze_begin();
/// Whether threads stop on their way back to the app.
extern bool freeze_has_begun;
inline bool is_freezing() { return __atomic_load_n(&freeze_has_begun, __ATOMIC_SEQ_CST); }
/// Stops the calling thread, with the registers in `frame`. Interrupts are off.
[[noreturn]] void freeze_park(const TrapFrame* frame);

}  // namespace runtime
