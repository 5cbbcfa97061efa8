// Local APIC (timer, end of interrupt) and I/O APIC (legacy lines).
#pragma once

#include <stdint.h>

#include "lib/types.h"

namespace runtime {

constexpr unsigned kTimerVector = 0xf0;
constexpr unsigned kSpuriousVector = 0xff;
constexpr unsigned kLegacyVectorBase = 0x30;

/// Masks the 8259 pair, maps and enables the local APIC and the I/O APIC. Returns null, or a sentence
/// that says what is missing.
const char* apic_initialise();
/// Routes legacy line `line` (ISA numbering; overrides of the MADT apply) to vector
/// kLegacyVectorBase + line.
void apic_route_legacy(unsigned line);
void apic_end_of_interrupt();

/// Starts the local timer for one interrupt after `ticks` of its clock.
void apic_timer_start(uint32_t ticks);
void apic_timer_stop();
/// The timer's current count, for calibration.
uint32_t apic_timer_count();

}  // namespace runtime
