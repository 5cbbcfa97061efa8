// What an interrupt has interrupted.
#pragma once

#include "arch/x86_64/trap_frame.h"

namespace runtime {

/// True when that was the app, or the gate through which it enters the kernel.
bool in_application(const TrapFrame* frame);

}  // namespace runtime
