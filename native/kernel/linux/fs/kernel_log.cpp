#include "linux/fs/kernel_log.h"

#include "lib/format.h"
#include "lib/log.h"
#include "lib/text.h"
#include "linux/fs/inode_file.h"
#include "sync/mutex.h"
#include "time/timer.h"

namespace runtime {

namespace {

constexpr int kSeekSet = 0;
constexpr int kSeekEnd = 2;
constexpr int kSeekData = 3;

/// A line is logged in any context, with any lock held, where nobody can be woken: while somebody reads, the
/// end of the log is looked at this often.
constexpr uint64_t kInterval = 50 * kNanosecondsPerMillisecond;
/// A record with its prefix and escapes.
constexpr size_t kRecordCapacity = 4 * kLogLineCapacity + 64;

WaitQueue log_queue;
Timer log_timer;
unsigned readers = 0;
uint64_t seen_end = 0;

void look(Timer*) {
  const uint64_t end = log_end();
  if (__atomic_exchange_n(&seen_end, end, __ATOMIC_RELAXED) != end)
    log_queue.wake_all(kPollIn | kPollReadNormal);
  if (__atomic_load_n(&readers, __ATOMIC_ACQUIRE) > 0)
    start_timer(&log_timer, Deadline::after(kInterval));
}

/// The log is looked at while one of these lives.
class Watch {
 public:
  Watch() {
    if (__atomic_fetch_add(&readers, 1, __ATOMIC_ACQ_REL) > 0) return;
    log_timer.callback = look;
    start_timer(&log_timer, Deadline::after(kInterval));
  }
  ~Watch() { __atomic_fetch_sub(&readers, 1, __ATOMIC_ACQ_REL); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
};

/// "6,42,1234567,-;text" and a line feed; control characters as \xNN.
size_t format_record(const LogRecord& record, char* buffer, size_t capacity) {
  TextBuilder text(buffer, capacity);
  text.append("%u,%llu,%llu,-;", record.severity, static_cast<unsigned long long>(record.sequence),
              static_cast<unsigned long long>(record.microseconds));
  for (size_t i = 0; i < record.length; ++i) {
    const unsigned char byte = static_cast<unsigned char>(record.text[i]);
    if (byte < 0x20 || byte == 0x7f || byte == '\\') {
      text.append("\\x%02x", byte);
    } else {
      text.append("%c", byte);
    }
  }
  text.append("\n");
  return text.length();
}

LogLevel level_of_severity(unsigned severity) {
  constexpr unsigned kError = 3, kWarning = 4, kInformation = 6;
  if (severity <= kError) return LogLevel::Error;
  if (severity == kWarning) return LogLevel::Warn;
  return severity <= kInformation ? LogLevel::Info : LogLevel::Debug;
}

class KernelLogFile : public InodeFile {
 public:
  KernelLogFile(RefPtr<Inode> inode, int flags)
      : InodeFile(move(inode), flags), cursor_(log_oldest()) {}

  /// One record. Errors: BrokenPipe when records were overwritten before they were read, Invalid when the
  /// buffer is too small, Again.
  Result<size_t> read(IoBuffer& buffer) override {
    MutexGuard guard(mutex_);
    LogCursor cursor = cursor_;
    LogRecord record;
    LogRead found = log_next(&cursor, &record);
    while (found == LogRead::End) {
      if (is_non_blocking()) return Errno::Again;
      Result<void> waited = wait_for_log(cursor.position);
      if (waited.is_error()) return waited.error();
      found = log_next(&cursor, &record);
    }
    if (found == LogRead::Overwritten) {
      cursor_ = cursor;
      return Errno::BrokenPipe;
    }
    char text[kRecordCapacity];
    const size_t length = format_record(record, text, sizeof(text));
    if (length > buffer.remaining()) return Errno::Invalid;
    Result<void> copied = buffer.put(text, length);
    if (copied.is_error()) return copied.error();
    cursor_ = cursor;
    return length;
  }

  /// A line for the log, after an optional "<N>" with facility and severity of syslog(3).
  Result<size_t> write(IoBuffer& buffer) override {
    const size_t size = buffer.remaining();
    if (size > kLogLineCapacity) return Errno::Invalid;
    char line[kLogLineCapacity];
    Result<void> copied = buffer.get(line, size);
    if (copied.is_error()) return copied.error();
    size_t length = size;
    while (length > 0 && line[length - 1] == '\n') --length;
    size_t start = 0;
    LogLevel level = LogLevel::Warn;  // as on Linux
    if (length > 2 && line[0] == '<') {
      unsigned number = 0;
      size_t at = 1;
      while (at < length && at < 5 && line[at] >= '0' && line[at] <= '9')
        number = number * 10 + static_cast<unsigned>(line[at++] - '0');
      if (at > 1 && at < length && line[at] == '>') {
        level = level_of_severity(number & 7);
        start = at + 1;
      }
    }
    log(level, "%.*s", static_cast<int>(length - start), line + start);
    return size;
  }

  Result<uint64_t> seek(int64_t offset, int whence) override {
    if (offset != 0) return Errno::IllegalSeek;
    MutexGuard guard(mutex_);
    if (whence == kSeekSet || whence == kSeekData) {
      cursor_ = log_oldest();
    } else if (whence == kSeekEnd) {
      cursor_ = log_newest();
    } else {
      return Errno::Invalid;
    }
    return static_cast<uint64_t>(0);
  }

  uint32_t poll_events() override {
    const uint32_t writable = kPollOut | kPollWriteNormal;
    const bool has_record = log_end() != __atomic_load_n(&cursor_.position, __ATOMIC_RELAXED);
    return has_record ? writable | kPollIn | kPollReadNormal : writable;
  }
  WaitQueue* poll_queue() override { return &log_queue; }

 private:
  Watch watch_;
  Mutex mutex_{MutexRank::FilePosition};
  LogCursor cursor_;  // guarded by mutex_
};

}  // namespace

Result<RefPtr<File>> open_kernel_log(RefPtr<Inode> inode, int flags) {
  KernelLogFile* file = new KernelLogFile(move(inode), flags);
  if (!file) return Errno::NoMemory;
  return RefPtr<File>(RefPtr<KernelLogFile>::adopt(file));
}

Result<void> wait_for_log(uint64_t position) {
  Watch watch;
  if (log_queue.wait([position] { return log_end() > position; }) != WaitResult::Ready)
    return Errno::Restart;
  return {};
}

}  // namespace runtime
