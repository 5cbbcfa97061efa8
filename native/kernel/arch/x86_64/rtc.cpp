#include "arch/x86_64/rtc.h"

#include "arch/x86_64/ports.h"
#include "lib/string.h"

namespace runtime {

namespace {

constexpr uint16_t kIndexPort = 0x70;
constexpr uint16_t kDataPort = 0x71;
constexpr uint8_t kStatusA = 0x0a;
constexpr uint8_t kStatusB = 0x0b;
/// Where PCs keep the century; ACPI's FADT can name another place, in practice it is this one.
constexpr uint8_t kCentury = 0x32;
constexpr uint8_t kUpdateInProgress = 0x80;
/// An update takes 2 ms at most; a port access takes about a microsecond.
constexpr unsigned kMaximumPolls = 10000;
constexpr unsigned kMaximumReadings = 8;

uint8_t read_register(uint8_t index) {
  out8(kIndexPort, index);
  return in8(kDataPort);
}

bool wait_for_update_end() {
  for (unsigned i = 0; i < kMaximumPolls; ++i) {
    if (!(read_register(kStatusA) & kUpdateInProgress)) return true;
  }
  return false;
}

RtcRegisters read_registers() {
  RtcRegisters r;
  r.seconds = read_register(0x00);
  r.minutes = read_register(0x02);
  r.hours = read_register(0x04);
  r.day = read_register(0x07);
  r.month = read_register(0x08);
  r.year = read_register(0x09);
  r.century = read_register(kCentury);
  r.status_b = read_register(kStatusB);
  return r;
}

bool is_updating() { return (read_register(kStatusA) & kUpdateInProgress) != 0; }

}  // namespace

uint8_t rtc_read_memory(uint8_t index) { return read_register(index & 0x7f); }

void rtc_write_memory(uint8_t index, uint8_t value) {
  out8(kIndexPort, index & 0x7f);
  out8(kDataPort, value);
}

uint64_t rtc_try_read() {
  if (is_updating()) return 0;
  const RtcRegisters reading = read_registers();
  return is_updating() || read_register(0x00) != reading.seconds ? 0 : decode_rtc(reading);
}

uint64_t rtc_seconds() {
  // Read until two readings agree: an update may begin between the check and the reading.
  RtcRegisters previous = {};
  for (unsigned i = 0; i < kMaximumReadings; ++i) {
    if (!wait_for_update_end()) return 0;
    const RtcRegisters reading = read_registers();
    if (i && memcmp(&reading, &previous, sizeof(reading)) == 0) return decode_rtc(reading);
    previous = reading;
  }
  return 0;
}

}  // namespace runtime
