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
/// past it. Lines look like "<6>text\n" with the severity of syslog(3) in front, as /dev/kmsg of
/// Linux has it. Returns the count of bytes, 0 at the end.
size_t log_read(uint64_t* cursor, char* buffer, size_t capacity);

/// From now on the log takes no lock and the console does not wait for a receiver that does not
/// read. For panics, which may interrupt a holder of those locks; one CPU may run by then.
void log_enter_panic();

}  // namespace runtime
