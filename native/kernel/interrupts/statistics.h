// How often each interrupt was taken, for /proc/interrupts.
#pragma once

#include <stdint.h>

namespace runtime {

/// The first 32 vectors are exceptions, which are not counted.
constexpr unsigned kFirstCountedVector = 32;
constexpr unsigned kVectors = 256;

/// Counts an interrupt of this CPU. Interrupts are off.
void count_interrupt(unsigned vector);
/// Says that nobody asked for a vector's interrupts: once for each, as whoever sends them may send many.
void note_stray_interrupt(unsigned vector);
/// How often CPU `cpu` has taken it since boot; wraps.
uint32_t interrupt_count(unsigned cpu, unsigned vector);

}  // namespace runtime
