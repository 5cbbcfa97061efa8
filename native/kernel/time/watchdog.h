// Watches the time-stamp counter: against another counter, and between the CPUs. While it holds, the same
// readings improve what boot measured.
#pragma once

#include <stdint.h>

namespace runtime {

/// Looks every two seconds from now on. The clocks run.
void watchdog_start();
/// Compares this CPU's counter with what other CPUs have read. Interrupts are off.
void watchdog_check_cpu();

}  // namespace runtime
