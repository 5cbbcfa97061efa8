// Input of a terminal: records from the service, or bytes from the boot console.
#include "boot/console.h"
#include "terminal/shared_words.h"
#include "terminal/terminal.h"
#include "time/clock.h"

namespace runtime {

using terminal_words::load;
using terminal_words::store;

namespace {

constexpr uint32_t kHeader = 4;
constexpr size_t kPiece = 256;
constexpr uint64_t kTimeUnit = 100 * kNanosecondsPerMillisecond;  // VTIME counts tenths of a second

uint32_t padding_of(uint32_t length) { return (4 - length % 4) % 4; }

}  // namespace

/// Whether bytes are taken from the boot console, without a line discipline: there is no service that could
/// be waited for.
bool Terminal::reads_boot_console() {
  if (is_attached() || !is_console()) return false;
  switch (terminal_service_state()) {
    case TerminalServiceState::Awaited:
      return false;
    case TerminalServiceState::Running:
      return !may_have_terminal_service();
    case TerminalServiceState::Absent:
      break;
  }
  return true;
}

/// Copies bytes of the ring out to the app.
Result<void> Terminal::copy_input(IoBuffer& buffer, size_t size) {
  const uint32_t capacity = block_->input_capacity;
  while (size > 0) {
    const uint32_t at = input_tail_ & (capacity - 1);
    const size_t part = min_of<size_t>(size, capacity - at);
    const size_t before = buffer.remaining();
    const Result<void> copied = buffer.put(input_.bytes + at, part);
    const uint32_t done = static_cast<uint32_t>(before - buffer.remaining());
    input_tail_ += done;
    record_left_ -= done;
    size -= done;
    if (copied.is_error()) return copied;
  }
  return {};
}

/// Makes the record at the tail the current one. false: there is none.
bool Terminal::open_record() {
  if (has_record_) return true;
  if (!block_) return false;
  const uint32_t available = load(block_->input_head) - input_tail_;
  if (available == 0) return false;
  uint32_t header = 0;
  if (available >= kHeader && available <= block_->input_capacity) {
    memcpy(&header, input_.bytes + (input_tail_ & (block_->input_capacity - 1)), kHeader);
  }
  const uint32_t length = header & 0xffff;
  if (available < kHeader || available > block_->input_capacity ||
      length + padding_of(length) > available - kHeader) {
    ++bad_indices_;
    input_tail_ = load(block_->input_head) & ~3u;
    store(block_->input_tail, input_tail_);
    return false;
  }
  input_tail_ += kHeader;
  record_left_ = length;
  record_padding_ = padding_of(length);
  record_flags_ = header >> 16;
  has_record_ = true;
  return true;
}

void Terminal::close_record() {
  input_tail_ += record_left_ + record_padding_;
  record_left_ = 0;
  has_record_ = false;
}

Terminal::Taken Terminal::take_records(IoBuffer& buffer, bool is_canonical, Result<void>* copied) {
  Taken taken = Taken::None;
  while (buffer.remaining() && open_record()) {
    const bool is_empty = record_left_ == 0;
    const bool is_end = (record_flags_ & RUNTIME_TERMINAL_RECORD_END) != 0;
    if (is_empty && (is_end || is_canonical)) {
      if (taken == Taken::Some) break;  // the end of file is for the next read
      close_record();
      taken = Taken::End;
      break;
    }
    if (!is_empty) {
      *copied = copy_input(buffer, min_of<size_t>(record_left_, buffer.remaining()));
      taken = Taken::Some;
    }
    if (record_left_ == 0) close_record();
    if (copied->is_error() || (is_canonical && taken == Taken::Some)) break;
  }
  if (block_) store(block_->input_tail, input_tail_);
  return taken;
}

Terminal::Taken Terminal::take_from_boot_console(IoBuffer& buffer, Result<void>* copied) {
  char piece[kPiece];
  const size_t size = console_read(piece, min_of(buffer.remaining(), kPiece));
  if (size == 0) return Taken::None;
  if (settings().input_flags & termios::kCarriageReturnToNewline) {
    for (size_t i = 0; i < size; ++i) {
      if (piece[i] == '\r') piece[i] = '\n';
    }
  }
  *copied = buffer.put(piece, size);
  return Taken::Some;
}

Terminal::Taken Terminal::take_input(IoBuffer& buffer, Result<void>* copied) {
  const bool is_canonical = (settings().local_flags & termios::kCanonical) != 0;
  Taken taken;
  {
    MutexGuard guard(input_mutex_);
    taken = take_records(buffer, is_canonical, copied);
    if (taken == Taken::None && reads_boot_console()) {
      taken = take_from_boot_console(buffer, copied);
    }
  }
  // The service holds back what had no room.
  if (taken != Taken::None && is_attached()) notify_terminal_service();
  return taken;
}

// As termios(3) says under "Canonical and noncanonical mode".
Result<size_t> Terminal::read(IoBuffer& buffer, bool is_non_blocking) {
  const size_t wanted = buffer.remaining();
  if (wanted == 0) return static_cast<size_t>(0);
  const Termios now = settings();
  const bool is_canonical = (now.local_flags & termios::kCanonical) != 0;
  const size_t minimum = is_canonical ? 1 : now.control_characters[termios::kMinimum];
  const uint64_t time = is_canonical ? 0 : now.control_characters[termios::kTime] * kTimeUnit;
  for (;;) {
    Result<void> copied;
    const Taken taken = take_input(buffer, &copied);
    const size_t done = wanted - buffer.remaining();
    if (copied.is_error() && done == 0) return copied.error();
    if (copied.is_error() || taken == Taken::End) return done;
    if (done > 0 && (is_canonical || done >= min_of(minimum, wanted))) return done;
    if (taken == Taken::Some) continue;
    if (minimum == 0 && time == 0) return done;
    if (is_non_blocking) return done > 0 ? Result<size_t>(done) : Result<size_t>(Errno::Again);
    // With a minimum the time counts between bytes, without from the start.
    const bool is_timed = time != 0 && (minimum == 0 || done > 0);
    if (!is_attached()) want_terminals();
    const WaitResult waited = queue_.wait([this] { return has_input(); },
                                          is_timed ? Deadline::after(time) : Deadline::never());
    if (waited == WaitResult::TimedOut) return done;
    if (waited == WaitResult::Interrupted) {
      return done > 0 ? Result<size_t>(done) : Result<size_t>(Errno::Restart);
    }
  }
}

/// What can be read without waiting; what is beyond `enough` bytes need not be counted. Takes no lock: a waiter asks
/// this between its preparation and its sleep. Beside a thread that reads the answer may be neither the one before
/// nor the one after.
Terminal::Readable Terminal::readable(uint32_t enough) {
  if (reads_boot_console() && console_has_input()) return {1, false};
  Readable found = {0, false};
  if (!block_) return found;
  if (has_record_) found.bytes = record_left_;
  uint32_t at = input_tail_ + (has_record_ ? record_left_ + record_padding_ : 0);
  const uint32_t head = load(block_->input_head);
  while (found.bytes < enough && head - at >= kHeader && head - at <= block_->input_capacity) {
    uint32_t header;
    memcpy(&header, input_.bytes + (at & (block_->input_capacity - 1)), kHeader);
    const uint32_t length = header & 0xffff;
    if (length == 0 && found.bytes == 0 && (header >> 16 & RUNTIME_TERMINAL_RECORD_END)) {
      found.has_end = true;
    }
    found.bytes += length;
    at += kHeader + length + padding_of(length);
  }
  return found;
}

bool Terminal::has_input() {
  const Termios now = settings();
  if (now.local_flags & termios::kCanonical) {
    return has_record_ || (block_ && load(block_->input_head) != load(block_->input_tail)) ||
           (reads_boot_console() && console_has_input());
  }
  const bool waits_for_many = now.control_characters[termios::kTime] == 0;
  const uint32_t minimum =
      max_of<uint32_t>(waits_for_many ? now.control_characters[termios::kMinimum] : 0, 1);
  const Readable found = readable(minimum);
  return found.has_end || found.bytes >= minimum;
}

/// TCIFLUSH.
void Terminal::discard_input() {
  {
    MutexGuard guard(input_mutex_);
    char piece[kPiece];
    while (reads_boot_console() && console_read(piece, sizeof(piece)) > 0) continue;
    if (!block_) return;
    has_record_ = false;
    record_left_ = 0;
    input_tail_ = load(block_->input_head);
    store(block_->input_tail, input_tail_);
    store(block_->input_flushes, load(block_->input_flushes) + 1);
  }
  if (is_attached()) notify_terminal_service();
}

uint32_t Terminal::poll_events() {
  uint32_t events = 0;
  if (has_input()) events |= kPollIn | kPollReadNormal;
  if (!is_attached()) want_terminals();
  if (expects_space()) events |= kPollOut | kPollWriteNormal;
  return events;
}

}  // namespace runtime
