// Start-up of the local APIC's timer as alarm.
#pragma once

#include <stdint.h>

namespace runtime {

/// The alarm may be set from now on. With a deadline in the time-stamp counter's ticks (SDM volume 3,
/// 10.5.4.1), or, when the CPU has none, as a count of the APIC timer's ticks.
void alarm_initialise(bool has_tsc_deadline, uint64_t tsc_frequency, uint64_t apic_frequency);

}  // namespace runtime
