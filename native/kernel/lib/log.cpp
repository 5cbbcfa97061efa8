#include "lib/log.h"

#include "boot/console.h"
#include "boot/console_port.h"
#include "boot/screen.h"
#include "lib/log_ring.h"
#include "lib/string.h"
#include "lib/types.h"
#include "sync/spinlock.h"
#include "time/clock.h"

namespace runtime {

namespace {

constexpr char kConsolePrefix[] = "[runtime] ";
constexpr size_t kConsolePrefixLength = sizeof(kConsolePrefix) - 1;

SpinLock ring_lock(LockRank::Log);
TextRing<64 * 1024> ring;
LogLevel shown_level = LogLevel::Warn;
bool is_panicking = false;

/// Severity digits of syslog(3): error 3, warning 4, informational 6, debug 7.
char severity_digit(LogLevel level) {
  switch (level) {
    case LogLevel::Error:
      return '3';
    case LogLevel::Warn:
      return '4';
    case LogLevel::Info:
      return '6';
    case LogLevel::Debug:
      return '7';
  }
  return '7';
}

constexpr uint64_t kMicrosecondsPerSecond = 1000000;
constexpr uint64_t kNanosecondsPerMicrosecond = 1000;
uint64_t line_count = 0;  // guarded by ring_lock

void append_to_ring(LogLevel level, uint64_t microseconds, const char* line, size_t length) {
  char prefix[40];
  const size_t prefix_length =
      format(prefix, sizeof(prefix), "<%c>[%5llu.%06llu] ", severity_digit(level),
             static_cast<unsigned long long>(microseconds / kMicrosecondsPerSecond),
             static_cast<unsigned long long>(microseconds % kMicrosecondsPerSecond));
  ring.append(prefix, prefix_length);
  ring.append(line, length);
  ++line_count;
}

uint64_t read_number(const char** at, const char* end) {
  uint64_t number = 0;
  for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
    number = number * 10 + static_cast<uint64_t>(**at - '0');
  return number;
}

/// Takes a line of the ring apart: what append_to_ring() has put together.
void parse_line(const char* line, size_t length, LogRecord* record) {
  const char* at = line + 1;
  const char* const end = line + length;
  record->severity = static_cast<unsigned>(read_number(&at, end));
  at += 2;  // ">["
  while (at < end && *at == ' ') ++at;
  record->microseconds = read_number(&at, end) * kMicrosecondsPerSecond;
  ++at;  // "."
  record->microseconds += read_number(&at, end);
  at += 2;  // "] "
  record->length = at < end ? min_of(static_cast<size_t>(end - at), sizeof(record->text)) : 0;
  memcpy(record->text, at, record->length);
}

}  // namespace

void log(LogLevel level, const char* pattern, ...) {
  char line[kConsolePrefixLength + kLogLineCapacity + 2];  // prefix, text, end of line (or the NUL)
  memcpy(line, kConsolePrefix, kConsolePrefixLength);
  char* const text = line + kConsolePrefixLength;
  va_list arguments;
  va_start(arguments, pattern);
  size_t length = format_list(text, kLogLineCapacity + 1, pattern, arguments);
  va_end(arguments);
  for (size_t i = 0; i < length; ++i)  // one line is one record
    if (text[i] == '\n') text[i] = ' ';
  text[length++] = '\n';

  const uint64_t microseconds = monotonic_nanoseconds() / kNanosecondsPerMicrosecond;
  if (__atomic_load_n(&is_panicking, __ATOMIC_RELAXED)) {
    append_to_ring(level, microseconds, text, length);
  } else {
    SpinGuard guard(ring_lock);
    append_to_ring(level, microseconds, text, length);
  }
  if (level == LogLevel::Error) screen_write(text, length);
  if (level > log_level()) return;
  text[length - 1] = '\r';
  text[length++] = '\n';
  console_write(line, kConsolePrefixLength + length);
}

void log_set_level(LogLevel level) { __atomic_store_n(&shown_level, level, __ATOMIC_RELAXED); }

LogLevel log_level() { return __atomic_load_n(&shown_level, __ATOMIC_RELAXED); }

size_t log_read(uint64_t* cursor, char* buffer, size_t capacity) {
  SpinGuard guard(ring_lock);
  return ring.read(cursor, buffer, capacity);
}

uint64_t log_end() {
  SpinGuard guard(ring_lock);
  return ring.end();
}

LogCursor log_oldest() {
  SpinGuard guard(ring_lock);
  LogCursor cursor;
  cursor.position = ring.oldest_line(&cursor.sequence);
  return cursor;
}

LogCursor log_newest() {
  SpinGuard guard(ring_lock);
  LogCursor cursor;
  cursor.position = ring.end();
  cursor.sequence = line_count;
  return cursor;
}

LogRead log_next(LogCursor* cursor, LogRecord* record) {
  char line[kLogLineCapacity + 48];
  size_t length = 0;
  {
    SpinGuard guard(ring_lock);
    if (cursor->position < ring.oldest()) {
      cursor->position = ring.oldest_line(&cursor->sequence);
      return LogRead::Overwritten;
    }
    uint64_t position = cursor->position;
    char byte = 0;
    while (byte != '\n' && ring.read(&position, &byte, 1) == 1)
      if (length < sizeof(line)) line[length++] = byte;
    if (length == 0) return LogRead::End;
    cursor->position = position;
    record->sequence = cursor->sequence++;
  }
  parse_line(line, length - 1, record);
  return LogRead::Record;
}

void log_enter_panic() {
  __atomic_store_n(&is_panicking, true, __ATOMIC_RELAXED);
  console_enter_panic();
}

}  // namespace runtime
