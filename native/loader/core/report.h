// How a loader says that it cannot go on.
#pragma once

#include <stdint.h>

namespace loader {

/// Writes to the first serial port, which cloud consoles show.
void print_serial(const char* text);

/// Tells QEMU's debug console how the machine ended, in the form that the kernel uses.
void report_status(const char* problem);

/// Resets the machine. Does not return.
[[noreturn]] void reset_machine();

}  // namespace loader
