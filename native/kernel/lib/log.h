// Reading and steering the kernel log. Writing to it is `log` in lib/format.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/format.h"

namespace runtime {

/// Longest log line in bytes, without its end of line; the rest of a longer one is cut.
constexpr size_t kLogLineCapacity = 512;

/// Chooses what the console shows: `level` and what is more severe. Everything goes to the ring.
/// Starts as Warn, so that an app's output stays its own.
void log_set_level(LogLevel level);
LogLevel log_level();

/// Copies log text from position `*cursor` (0: the oldest that is still held) and moves the cursor
/// past it. Lines look like "<6>[    1.234567] text\n", with the severity of syslog(3) in front and the
/// seconds since boot, as syslog(2) has them. Returns the count of bytes, 0 at the end.
size_t log_read(uint64_t* cursor, char* buffer, size_t capacity);
/// The position behind the newest line.
uint64_t log_end();

/// One line of the log, taken apart.
struct LogRecord {
  unsigned severity;      // of syslog(3)
  uint64_t sequence;      // counts all lines
  uint64_t microseconds;  // since boot
  char text[kLogLineCapacity];
  size_t length;
};
/// A reader's place between two lines.
struct LogCursor {
  uint64_t position = 0;
  uint64_t sequence = 0;
};
enum class LogRead { Record, End, Overwritten };
/// The oldest line that is held.
LogCursor log_oldest();
/// Behind the newest line.
LogCursor log_newest();
/// Reads the next line. Overwritten: it is gone, and the cursor is at the oldest that is left.
LogRead log_next(LogCursor* cursor, LogRecord* record);

/// From now on the log takes no lock and the console does not wait for a receiver that does not
/// read. For panics, which may interrupt a holder of those locks; one CPU may run by then.
void log_enter_panic();

}  // namespace runtime
