// Watches the time-stamp counter: against another counter, and between the CPUs. While it holds, the same
// readings improve what boot measured. Whatever the clocks run from is watched for standing still: the
// alarms, which have a clock of their own, come all the same.
#pragma once

#include <stdint.h>

namespace runtime {

/// Looks every two seconds from now on. The clocks run.
void watchdog_start();
/// Compares this CPU's counter with what other CPUs have read. Interrupts are off.
void watchdog_check_cpu();
/// An alarm has come: `wait` nanoseconds have passed since the monotonic clock read `set`. It must have moved.
void watchdog_check_alarm(uint64_t set, uint64_t wait);

}  // namespace runtime
