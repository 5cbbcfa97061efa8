// The time-stamp counter as clock, and the local APIC's timer as alarm.
#pragma once

#include <stdint.h>

namespace runtime {

struct Timer;

/// Starts measuring the time-stamp counter and the APIC timer against the PIT; other start-up work
/// may run meanwhile.
void clock_calibration_begin();
/// Ends the measurement (waits until it has run long enough) and starts the clocks.
void clock_calibration_end();
/// Frequency of the time-stamp counter.
uint64_t clock_frequency_hertz();

/// Asks for a timer interrupt at `deadline` (monotonic nanoseconds) if none is due earlier.
void alarm_at(uint64_t deadline);
/// Called by the timer interrupt before it looks for what is due.
void alarm_fired();

/// Notes whose callback runs on this CPU from now on; null: nobody's.
void note_running_timer(Timer* timer);
/// Returns when no other CPU runs the callback of `timer`.
void wait_for_running_timer(Timer* timer);

/// Runs the timers that are due and programs the next alarm. Interrupts are off.
void run_timers();

}  // namespace runtime
