// Text formatting without allocation, and the kernel log.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

namespace runtime {

/// Formats into `buffer` (always NUL-terminated, cut at `capacity`); returns the length written.
/// Knows %d %i %u %x %p %s %c %% with l, ll, z, width, 0, - and * for %s precision ("%.*s").
size_t format(char* buffer, size_t capacity, const char* pattern, ...)
    __attribute__((format(printf, 3, 4)));
size_t format_list(char* buffer, size_t capacity, const char* pattern, va_list arguments);

enum class LogLevel { Error = 0, Warn = 1, Info = 2, Debug = 3 };

/// Writes one line to the log ring, and to the console when `level` is at or below the chosen one.
/// The console shows it as "[runtime] text". Usable in interrupt context.
void log(LogLevel level, const char* pattern, ...) __attribute__((format(printf, 2, 3)));

/// Prints the report and stops the machine with a non-zero exit code.
[[noreturn]] void panic(const char* pattern, ...) __attribute__((format(printf, 1, 2)));

}  // namespace runtime

/// Checks an invariant of the kernel itself; a violation is a kernel bug and ends in a panic.
#define RUNTIME_ASSERT(condition)                                                       \
  do {                                                                                  \
    if (__builtin_expect(!(condition), 0))                                              \
      ::runtime::panic("assertion failed: %s (%s:%d)", #condition, __FILE__, __LINE__); \
  } while (0)
