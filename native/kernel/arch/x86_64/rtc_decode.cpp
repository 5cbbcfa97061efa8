// The pure part of the real-time clock: from registers to seconds.
#include "arch/x86_64/rtc.h"

namespace runtime {

namespace {

constexpr uint8_t kHour24 = 0x02;
constexpr uint8_t kBinary = 0x04;
constexpr uint8_t kAfternoon = 0x80;

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar, for years from 1970.
uint64_t days_since_1970(unsigned year, unsigned month, unsigned day) {
  // The year starts in March here, so that the leap day is its last day.
  const unsigned shifted_year = month <= 2 ? year - 1 : year;
  const unsigned shifted_month = month <= 2 ? month + 9 : month - 3;
  const unsigned day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
  const unsigned days =
      shifted_year * 365 + shifted_year / 4 - shifted_year / 100 + shifted_year / 400 + day_of_year;
  constexpr unsigned kDaysTo1970 = 719468;
  return days - kDaysTo1970;
}

unsigned from_bcd(uint8_t value) { return (value >> 4) * 10u + (value & 0xf); }

}  // namespace

uint64_t decode_rtc(const RtcRegisters& registers) {
  const bool is_binary = (registers.status_b & kBinary) != 0;
  auto decode = [is_binary](uint8_t value) -> unsigned {
    return is_binary ? value : from_bcd(value);
  };
  const unsigned seconds = decode(registers.seconds);
  const unsigned minutes = decode(registers.minutes);
  unsigned hours;
  if (registers.status_b & kHour24) {
    hours = decode(registers.hours);
  } else {
    hours = decode(registers.hours & static_cast<uint8_t>(~kAfternoon));
    if (hours < 1 || hours > 12) return 0;
    hours = hours % 12 + (registers.hours & kAfternoon ? 12 : 0);  // 12 am is 0, 12 pm is 12
  }
  const unsigned day = decode(registers.day);
  const unsigned month = decode(registers.month);
  const unsigned century = decode(registers.century);
  unsigned year = decode(registers.year);
  if (century >= 19 && century <= 29) {
    year += century * 100;
  } else {
    year += year < 70 ? 2000 : 1900;
  }
  if (seconds > 60 || minutes > 59 || hours > 23 || day < 1 || day > 31 || month < 1 ||
      month > 12 || year < 1970) {
    return 0;
  }
  return ((days_since_1970(year, month, day) * 24 + hours) * 60 + minutes) * 60 + seconds;
}

}  // namespace runtime
