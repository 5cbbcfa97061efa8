// Local APIC (timer, end of interrupt) and I/O APICs (lines). Vectors:
//   0x30 to 0x3f  legacy lines that the kernel itself uses
//   0x50 to 0xdf  devices, device_interrupts.h
//   0xf0, 0xff    timer, spurious
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
/// The highest that can be reached.
uint32_t apic_highest_id();
/// The APICs are in x2APIC mode.
bool apic_is_x2apic();
/// Enables the local APIC of a further CPU.
void apic_initialise_secondary();
/// Sends an interrupt, or the messages that start a CPU, to the CPU with an APIC id.
void apic_send(uint32_t to, unsigned vector);
void apic_send_init(uint32_t to);
void apic_send_non_maskable(uint32_t to);
void apic_send_startup(uint32_t to, PhysAddr page);
/// A line into an I/O APIC, by its number among all of them (ACPI's global system interrupts).
struct InterruptLine {
  uint32_t number;
  bool is_active_low;
  bool is_edge_triggered;
};
/// The line that legacy interrupt `legacy` (0 to 15) comes in on. PCI lines are active low unless the
/// MADT says otherwise.
InterruptLine apic_line_of_legacy(unsigned legacy);
/// True when an I/O APIC has the line.
bool apic_has_line(uint32_t number);
/// Routes a line, not masked, to `vector` on this CPU (or the first one, if its id has more than 8 bits).
void apic_route_line(const InterruptLine& line, unsigned vector);
/// Routes an edge-triggered line to this CPU as a non-maskable interrupt.
void apic_route_non_maskable(uint32_t number);
/// Keeps a routed line from interrupting, or lets it again. Interrupt-safe.
void apic_mask_line(uint32_t number, bool is_masked);
/// What a device writes, and where to, to interrupt this CPU with `vector` (SDM volume 3, 10.11); the first
/// one, if this one's id has more than 8 bits.
uint64_t apic_message_address();
uint32_t apic_message_data(unsigned vector);

/// Starts the local timer for one interrupt after `ticks` of its clock.
void apic_timer_start(uint32_t ticks);
/// Starts it for when this CPU's time-stamp counter reads `deadline`. Not to be mixed with the above.
void apic_timer_deadline(uint64_t deadline);
void apic_timer_stop();
/// The timer's current count, for calibration.
uint32_t apic_timer_count();

}  // namespace runtime
