// syslog(2): the kernel log as text, and what of it the console shows.
#include "lib/log.h"
#include "lib/types.h"
#include "linux/fs/kernel_log.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

enum Action : int {
  kClose = 0,
  kOpen = 1,
  kRead = 2,
  kReadAll = 3,
  kReadClear = 4,
  kClear = 5,
  kConsoleOff = 6,
  kConsoleOn = 7,
  kConsoleLevel = 8,
  kSizeUnread = 9,
  kSizeBuffer = 10,
};

constexpr uint64_t kBufferSize = 64 * 1024;
constexpr size_t kChunk = 512;
/// The console shows severities below its level.
constexpr int kLowestConsoleLevel = 1;
constexpr int kHighestConsoleLevel = 8;

uint64_t read_position = 0;   // of kRead
uint64_t clear_position = 0;  // text before it was cleared
LogLevel level_before_off = LogLevel::Warn;
bool is_console_off = false;

/// Copies text from `*position` on. Returns how much.
Result<uint64_t> copy_out(uint64_t* position, UserPtr<void> buffer, uint64_t size) {
  uint64_t done = 0;
  while (done < size) {
    char chunk[kChunk];
    uint64_t next = *position;
    const size_t count = log_read(&next, chunk, min_of<uint64_t>(size - done, sizeof(chunk)));
    if (count == 0) break;
    Result<void> copied = copy_to_user(buffer.address() + done, chunk, count);
    if (copied.is_error()) return copied.error();
    *position = next;
    done += count;
  }
  return done;
}

/// The newest whole lines that fit into `size` bytes and were not cleared.
uint64_t start_of_newest(uint64_t size) {
  const uint64_t end = log_end();
  const uint64_t oldest = log_oldest().position;
  const uint64_t start = max_of(max_of(clear_position, oldest), end > size ? end - size : 0);
  if (start == oldest || start == clear_position) return start;
  uint64_t at = start - 1;  // the end of a line before is not cut away
  char byte = 0;
  while (byte != '\n' && log_read(&at, &byte, 1) == 1) {
  }
  return at;
}

LogLevel level_for_console(int number) {
  if (number <= 4) return LogLevel::Error;
  if (number == 5) return LogLevel::Warn;
  return number <= 7 ? LogLevel::Info : LogLevel::Debug;
}

}  // namespace

Result<uint64_t> sys_syslog(int action, UserPtr<void> buffer, int size) {
  const bool reads = action == kRead || action == kReadAll || action == kReadClear;
  if (reads && (size < 0 || buffer.address() == 0)) return Errno::Invalid;
  const uint64_t length = reads ? static_cast<uint64_t>(size) : 0;
  switch (action) {
    case kClose:
    case kOpen:
      return 0;
    case kRead: {
      if (length == 0) return 0;
      Result<void> waited = wait_for_log(read_position);
      if (waited.is_error()) return waited.error();
      return copy_out(&read_position, buffer, length);
    }
    case kReadAll:
    case kReadClear: {
      uint64_t position = start_of_newest(length);
      Result<uint64_t> copied = copy_out(&position, buffer, length);
      if (action == kReadClear && !copied.is_error()) clear_position = position;
      return copied;
    }
    case kClear:
      clear_position = log_end();
      return 0;
    case kConsoleOff:
      if (!is_console_off) level_before_off = log_level();
      is_console_off = true;
      log_set_level(LogLevel::Error);
      return 0;
    case kConsoleOn:
      if (is_console_off) log_set_level(level_before_off);
      is_console_off = false;
      return 0;
    case kConsoleLevel:
      if (size < kLowestConsoleLevel || size > kHighestConsoleLevel) return Errno::Invalid;
      is_console_off = false;
      log_set_level(level_for_console(size));
      return 0;
    case kSizeUnread: {
      const uint64_t end = log_end();
      return end - min_of(end, max_of(read_position, log_oldest().position));
    }
    case kSizeBuffer:
      return kBufferSize;
    default:
      return Errno::Invalid;
  }
}

}  // namespace runtime
