// Reports about what ended the machine.
#pragma once

#include "arch/x86_64/trap_frame.h"
#include "lib/string.h"
#include "linux/signals.h"

namespace runtime {

/// A panic with the registers of the code that caused it.
[[noreturn]] void panic_with_frame(const TrapFrame* frame, const char* what);
/// A CPU has been stuck in the kernel for so long. Prints where, without locks, and returns: usable in a
/// non-maskable interrupt.
void report_stuck_cpu(const TrapFrame* frame, unsigned cpu, uint64_t seconds);
/// A fault ends a contained call (interrupts/contain.h): one line in the log.
void report_contained_fault(const TrapFrame* frame, uint64_t address);
/// The app's native code crashed: signal, address, registers, backtrace, memory.
void report_application_crash(const TrapFrame* frame, int signal);
/// No frame is left for a page that was touched.
void report_out_of_memory(const TrapFrame* frame, uint64_t address);
/// One line of memory figures, for ends with a non-zero code.
void report_memory_figures();

/// Takes /system/kernel.symbols into use.
void set_kernel_symbols(StringView file);

}  // namespace runtime
