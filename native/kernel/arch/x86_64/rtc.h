// The battery-backed clock of the PC (Motorola MC146818 and successors).
#pragma once

#include <stdint.h>

namespace runtime {

/// Seconds since 1970-01-01 UTC by the real-time clock, which is taken to run in UTC. Waits for an
/// update in progress (at most some milliseconds). Returns 0 when there is no sensible clock.
uint64_t rtc_seconds();

/// The same without a wait: 0 also when an update is in progress or came in between.
uint64_t rtc_try_read();

/// Reads or writes a byte of the memory that the clock's battery keeps, `index` below 128. What is not
/// there reads as 255.
uint8_t rtc_read_memory(uint8_t index);
void rtc_write_memory(uint8_t index, uint8_t value);

/// The registers of the clock as read, before their encoding is undone.
struct RtcRegisters {
  uint8_t seconds, minutes, hours, day, month, year;
  uint8_t century;   // 0 when the clock has none
  uint8_t status_b;  // tells binary from BCD and 24 h from 12 h
};

/// Decodes a reading into seconds since 1970, or 0 when a field is out of range. Pure.
uint64_t decode_rtc(const RtcRegisters& registers);

}  // namespace runtime
