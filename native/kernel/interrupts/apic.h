// Local APIC (timer, end of interrupt) and I/O APIC (legacy lines).
#pragma once

#include <stdint.h>

#include "lib/types.h"

namespace runtime {

constexpr unsigned kTimerVector = 0xf0;
constexpr unsigned kRescheduleVector = 0xf1;
constexpr unsigned kFlushVector = 0xf2;
constexpr unsigned kStopVector = 0xf3;
constexpr unsigned kSpuriousVector = 0xff;
constexpr unsigned kLegacyVectorBase = 0x30;

/// Masks the 8259 pair, maps and enables the local APIC and the I/O APIC. Returns null, or a sentence
/// that says what is missing.
const char* apic_initialise();
/// Routes legacy line `line` (ISA numbering; overrides of the MADT apply) to vector
/// kLegacyVectorBase + line.
void apic_route_legacy(unsigned line);
void apic_end_of_interrupt();

/// This CPU's local APIC id.
uint32_t apic_id();
/// Enables the local APIC of a further CPU.
void apic_initialise_secondary();
/// Sends an interrupt, or the messages that start a CPU, to the CPU with an APIC id.
void apic_send(uint32_t to, unsigned vector);
void apic_send_init(uint32_t to);
void apic_send_startup(uint32_t to, PhysAddr page);

/// Starts the local timer for one interrupt after `ticks` of its clock.
void apic_timer_start(uint32_t ticks);
void apic_timer_stop();
/// The timer's current count, for calibration.
uint32_t apic_timer_count();

}  // namespace runtime
