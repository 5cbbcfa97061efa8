// Output of a terminal: from write(2) into the ring, or to the boot console.
//
// Why no wake-up is lost. A thread that waits for space (or for the end) sets its bit in kernel_waits, then
// looks at output_tail (and unsent). The service moves these, then looks at kernel_waits and calls
// terminal_notify. Whoever comes second sees what the other has written.
#include "boot/console.h"
#include "lib/string.h"
#include "terminal/shared_words.h"
#include "terminal/terminal.h"

namespace runtime {

using terminal_words::load;
using terminal_words::store;

namespace {

constexpr size_t kPiece = 256;
/// Waiters are woken, and poll says so, when this part of the ring is free, or so many bytes: on a slow line a part of
/// a large ring would keep the app for minutes. The same in lib/tty/src/terminal.ts.
constexpr uint32_t kFreePart = 4;
constexpr uint32_t kEnoughSpace = 32 * 1024;

}  // namespace

/// Takes over output_tail, unless it is no place between the last one and the head.
void Terminal::take_tail() {
  const uint32_t tail = load(block_->output_tail);
  if (tail - output_tail_ <= output_head_ - output_tail_) {
    output_tail_ = tail;
  } else if (tail != output_tail_) {
    ++bad_indices_;
  }
}

uint32_t Terminal::output_space() {
  take_tail();
  return output_capacity_ - (output_head_ - output_tail_);
}

/// Takes no lock: a waiter asks this between its preparation and its sleep.
bool Terminal::has_space() {
  if (!is_attached()) return true;
  const uint32_t capacity = load(output_capacity_);
  const uint32_t used = load(output_head_) - load(block_->output_tail);
  return used <= capacity && capacity - used >= min_of(capacity / kFreePart, kEnoughSpace);
}

/// As has_space, and lets the service know that it is waited for.
bool Terminal::expects_space() {
  if (has_space()) return true;
  expect(RUNTIME_TERMINAL_WAITS_SPACE);
  return has_space();
}

void Terminal::expect(uint32_t what) {
  __atomic_or_fetch(&block_->kernel_waits, what, __ATOMIC_SEQ_CST);
}

/// Puts bytes into the ring; there is space, or it is a history.
void Terminal::put_output(const char* bytes, size_t size) {
  if (!block_) return;
  const uint32_t mask = output_capacity_ - 1;
  for (size_t done = 0; done < size;) {
    const uint32_t at = output_head_ & mask;
    const size_t part = min_of<size_t>(size - done, output_capacity_ - at);
    memcpy(output_.bytes + at, bytes + done, part);
    store(output_head_, output_head_ + static_cast<uint32_t>(part));
    done += part;
  }
  if (!is_attached() && output_head_ - output_tail_ > output_capacity_) {
    output_tail_ = output_head_ - output_capacity_;  // the history's oldest bytes are gone
  }
  store(block_->output_head, output_head_);
}

/// Moves a piece from the app to where it belongs. Returns how many of the app's bytes, 0: no space.
Result<size_t> Terminal::write_piece(IoBuffer& buffer) {
  const uint32_t flags = settings().output_flags;
  char piece[kPiece];
  char processed[kPiece * OutputProcessing::kMostExpansion];
  MutexGuard guard(output_mutex_);
  const bool attached = is_attached();
  size_t size = min_of(buffer.remaining(), kPiece);
  if (attached) size = min_of<size_t>(size, output_space() / OutputProcessing::kMostExpansion);
  if (size == 0) return static_cast<size_t>(0);
  const size_t before = buffer.remaining();
  Result<void> copied = buffer.get(piece, size);
  const size_t taken = before - buffer.remaining();
  if (copied.is_error() && taken == 0) return copied.error();
  const size_t made = processing_.process(flags, piece, taken, processed);
  if (attached || is_console()) {
    put_output(processed, made);
  } else {
    discarded_ += made;  // no device, and there will be none
  }
  if (!attached && is_console()) console_write(processed, made);
  return taken;
}

Result<void> Terminal::wait_for_space() {
  const WaitResult waited = queue_.wait([this] { return expects_space(); });
  if (waited == WaitResult::Interrupted) return Errno::Restart;
  return {};
}

/// So that what one write(2) writes stays together. Errors: Again, Restart.
Result<void> Terminal::take_turn(bool is_non_blocking) {
  const auto take = [this] { return !__atomic_exchange_n(&is_written_, true, __ATOMIC_ACQUIRE); };
  if (is_non_blocking) return take() ? Result<void>() : Result<void>(Errno::Again);
  if (write_turns_.wait(take) == WaitResult::Interrupted) return Errno::Restart;
  return {};
}

void Terminal::end_turn() {
  __atomic_store_n(&is_written_, false, __ATOMIC_RELEASE);
  write_turns_.wake_one();
}

Result<size_t> Terminal::write(IoBuffer& buffer, bool is_non_blocking) {
  (void)prepare().is_error();  // without memory there is no history
  if (!is_terminal_service()) return write_all(buffer, is_non_blocking);
  // What V8 prints in the service's isolate: the service would wait for itself.
  const size_t wanted = buffer.remaining();
  const Result<size_t> written = write_all(buffer, true);
  if (written.is_error() && written.error() != Errno::Again) return written;
  discarded_ += buffer.remaining();
  return wanted;
}

Result<size_t> Terminal::write_all(IoBuffer& buffer, bool is_non_blocking) {
  const size_t wanted = buffer.remaining();
  const Result<void> turn = take_turn(is_non_blocking);
  if (turn.is_error()) return turn.error();
  Result<void> ended;
  while (buffer.remaining() && !ended.is_error()) {
    const Result<size_t> moved = write_piece(buffer);
    if (moved.is_error()) {
      ended = moved.error();
    } else if (moved.value() == 0) {
      notify_terminal_service();
      ended = is_non_blocking ? Result<void>(Errno::Again) : wait_for_space();
    }
  }
  end_turn();
  const size_t written = wanted - buffer.remaining();
  if (written > 0 && is_attached()) notify_terminal_service();
  if (ended.is_error() && written == 0) return ended.error();
  return written;
}

bool Terminal::is_drained() {
  if (!is_attached()) return true;
  return load(block_->output_tail) == load(output_head_) && load(block_->unsent) == 0;
}

Result<void> Terminal::drain(bool is_interruptible, uint64_t patience) {
  while (!is_drained()) {
    const uint32_t tail = load(block_->output_tail);
    const uint32_t unsent = load(block_->unsent);
    notify_terminal_service();
    const Deadline deadline = patience ? Deadline::after(patience) : Deadline::never();
    const WaitResult waited = queue_.wait(
        [this, tail, unsent] {
          expect(RUNTIME_TERMINAL_WAITS_DRAIN);
          return is_drained() || load(block_->output_tail) != tail ||
                 load(block_->unsent) != unsent;
        },
        deadline, is_interruptible);
    if (waited == WaitResult::Interrupted) return Errno::Restart;
    if (waited == WaitResult::TimedOut) return Errno::TimedOut;
  }
  return {};
}

/// TCOFLUSH: what has not been sent is not sent any more.
void Terminal::discard_output() {
  MutexGuard guard(output_mutex_);
  if (!is_attached()) return;
  store(block_->output_flushed, output_head_);
  store(block_->output_flushes, load(block_->output_flushes) + 1);
}

/// Writes the ring from `position` on to the boot console.
void Terminal::send_from(uint32_t position) {
  if (output_head_ - position > output_capacity_) return;  // not a place in the ring
  while (position != output_head_) {
    const uint32_t at = position & (output_capacity_ - 1);
    const uint32_t part = min_of(output_head_ - position, output_capacity_ - at);
    console_write(reinterpret_cast<const char*>(output_.bytes) + at, part);
    position += part;
  }
}

void Terminal::send_rest() {
  if (!is_attached() || !is_console()) return;
  __atomic_store_n(&is_attached_, false, __ATOMIC_RELEASE);
  if (load(block_->has_boot_console) == 0) return;
  uint32_t from = load(block_->boot_tail);
  const uint32_t flushed = load(block_->output_flushed);
  if (load(block_->output_flushes) && output_head_ - flushed < output_head_ - from) from = flushed;
  send_from(from);
}

}  // namespace runtime
