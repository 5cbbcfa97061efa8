#include "lib/log.h"

#include "boot/console.h"
#include "boot/console_port.h"
#include "lib/log_ring.h"
#include "lib/string.h"
#include "sync/spinlock.h"

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

void append_to_ring(LogLevel level, const char* line, size_t length) {
  const char severity[] = {'<', severity_digit(level), '>'};
  ring.append(severity, sizeof(severity));
  ring.append(line, length);
}

}  // namespace

void log(LogLevel level, const char* pattern, ...) {
  char line[kConsolePrefixLength + kLogLineCapacity + 1];  // prefix, text, end of line (or the NUL)
  memcpy(line, kConsolePrefix, kConsolePrefixLength);
  char* const text = line + kConsolePrefixLength;
  va_list arguments;
  va_start(arguments, pattern);
  size_t length = format_list(text, kLogLineCapacity + 1, pattern, arguments);
  va_end(arguments);
  text[length++] = '\n';

  if (__atomic_load_n(&is_panicking, __ATOMIC_RELAXED)) {
    append_to_ring(level, text, length);
  } else {
    SpinGuard guard(ring_lock);
    append_to_ring(level, text, length);
  }
  if (level <= log_level()) console_write(line, kConsolePrefixLength + length);
}

void log_set_level(LogLevel level) { __atomic_store_n(&shown_level, level, __ATOMIC_RELAXED); }

LogLevel log_level() { return __atomic_load_n(&shown_level, __ATOMIC_RELAXED); }

size_t log_read(uint64_t* cursor, char* buffer, size_t capacity) {
  SpinGuard guard(ring_lock);
  return ring.read(cursor, buffer, capacity);
}

void log_enter_panic() {
  __atomic_store_n(&is_panicking, true, __ATOMIC_RELAXED);
  console_enter_panic();
}

}  // namespace runtime
