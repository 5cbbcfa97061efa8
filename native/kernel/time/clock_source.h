// What counts the time, and the local APIC's timer as alarm.
#pragma once

#include <stdint.h>

namespace runtime {

struct Timer;

/// Which counter the clocks run from.
enum class ClockSource : uint8_t {
  None,
  Kvmclock,          // KVM's paravirtual clock
  TimeStampCounter,  // the CPU's
  Hpet,
  PowerTimer,  // ACPI's
};

/// Chooses the source: the first of kvmclock, time-stamp counter, HPET and ACPI power timer that the
/// machine has, unless `wanted` names one that it has. Starts measuring what no one tells the frequency
/// of; other start-up work may run meanwhile. Needs ACPI's tables and the local APIC.
void clock_calibration_begin(ClockSource wanted);
/// Ends the measurement (waits until it has run long enough) and starts the clocks. Returns null, or a
/// sentence that says what is missing.
const char* clock_calibration_end();
/// The clocks start with this many nanoseconds, of an earlier life of the process, rather than with 0. Before the
/// calibration ends.
void clock_start_from(uint64_t nanoseconds);
/// What they started with.
uint64_t clock_start();
/// Runs on each further CPU before it takes part.
void clock_initialise_secondary();
/// Frequency of the time-stamp counter.
uint64_t clock_frequency_hertz();
ClockSource clock_source();
const char* clock_source_name();
/// Reading the clock takes nanoseconds, not the microseconds of a device's register.
inline bool clock_is_fast() {
  return clock_source() == ClockSource::Kvmclock || clock_source() == ClockSource::TimeStampCounter;
}
/// Nanoseconds of CLOCK_MONOTONIC_RAW in which the source counts `ticks`.
uint64_t clock_raw_of_ticks(uint64_t ticks);
/// The source, if it still is `source`, turned out to be wrong: goes on with the best counter that is left and
/// that every CPU reads alike, or stays when there is none.
void clock_abandon_source(ClockSource source, const char* why);

/// The pages that the vDSO reads, vdso/layout.h.
const void* clock_pages();

/// The monotonic clock without corrections (CLOCK_MONOTONIC_RAW), in nanoseconds.
uint64_t raw_nanoseconds();
/// Moves the wall clock; the monotonic one goes on.
void clock_set_wall_offset(int64_t offset);
int64_t clock_wall_offset();
/// Makes the monotonic clock (and so the wall clock) run faster by `parts_per_billion`, or slower, from now
/// on. Continuous: no clock jumps.
void clock_set_rate(int64_t parts_per_billion);
/// Corrects the counter's frequency: `raw` nanoseconds of CLOCK_MONOTONIC_RAW took `true_nanoseconds`.
void clock_correct_frequency(uint64_t raw, uint64_t true_nanoseconds);

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
