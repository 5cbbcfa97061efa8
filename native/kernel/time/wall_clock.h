// The wall clock: where it comes from, what happens to it when the machine was paused, and how an app
// corrects it.
//
// It is the monotonic clock plus an offset. The offset comes from the hypervisor's wall clock, or from the
// real-time clock, whose fraction of a second is found in the background while the offset only grows. Both
// go on while the machine is paused, so that they are asked every two seconds: by how much they have moved
// against the monotonic clock is added to the wall clock, whoever set it. The real-time clock tells whole
// seconds only: it is asked just before one is over, when it shows a pause of 50 ms.
#pragma once

#include <stdint.h>

namespace runtime {

/// First reading, at boot.
void wall_clock_start(bool has_hypervisor_clock);
/// Looks for the real-time clock's seconds from now on.
void wall_clock_watch();
/// Was the machine paused? Not for two CPUs at once.
void wall_clock_check();
/// The first moment from `earliest` on, at most a second later, at which that is best asked (monotonic
/// nanoseconds).
uint64_t wall_clock_check_time(uint64_t earliest);

/// clock_settime(2).
void wall_clock_set(uint64_t nanoseconds);
/// Moves the wall clock by `nanoseconds` at once.
void wall_clock_step(int64_t nanoseconds);
/// Moves it by and by, at 500 parts per million; replaces what is left of an earlier call. So do the
/// monotonic clock and timers, as on Linux.
void wall_clock_slew(int64_t nanoseconds);
/// What is left of that.
int64_t wall_clock_slew_left();
/// Corrects the counter's frequency for good, adjtimex(2).
void wall_clock_set_frequency(int64_t parts_per_billion);
int64_t wall_clock_frequency();
/// How often the clock was found to have jumped because the machine was paused or resumed.
uint32_t wall_clock_jumps();

}  // namespace runtime
