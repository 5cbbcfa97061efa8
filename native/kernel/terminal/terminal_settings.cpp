// Settings of a terminal: ioctl_tty(2).
#include "linux/process_info.h"
#include "terminal/shared_words.h"
#include "terminal/terminal.h"

namespace runtime {

using terminal_words::load;
using terminal_words::store;

namespace {

enum Request : uint32_t {
  kGet = 0x5401,                // TCGETS
  kSet = 0x5402,                // TCSETS
  kSetAfterDrain = 0x5403,      // TCSETSW
  kSetAfterFlush = 0x5404,      // TCSETSF
  kBreak = 0x5409,              // TCSBRK
  kFlow = 0x540a,               // TCXONC
  kFlush = 0x540b,              // TCFLSH
  kBecomeControlling = 0x540e,  // TIOCSCTTY
  kGetGroup = 0x540f,           // TIOCGPGRP
  kSetGroup = 0x5410,           // TIOCSPGRP
  kUnsentOutput = 0x5411,       // TIOCOUTQ
  kGetSize = 0x5413,            // TIOCGWINSZ
  kSetSize = 0x5414,            // TIOCSWINSZ
  kReadableInput = 0x541b,      // FIONREAD
  kSetDiscipline = 0x5423,      // TIOCSETD
  kGetDiscipline = 0x5424,      // TIOCGETD
  kGetSession = 0x5429,         // TIOCGSID
  kGet2 = 0x802c542a,           // TCGETS2
  kSet2 = 0x402c542b,           // TCSETS2
  kSet2AfterDrain = 0x402c542c,
  kSet2AfterFlush = 0x402c542d,
};

// Actions of tcflow(3) and queues of tcflush(3).
constexpr uint64_t kOutputOff = 0;
constexpr uint64_t kOutputOn = 1;
constexpr uint64_t kInputOn = 3;
constexpr uint64_t kFlushInput = 0;
constexpr uint64_t kFlushOutput = 1;
constexpr uint64_t kFlushBoth = 2;

constexpr uint32_t kSpeed = 115200;  // of a line that has one
constexpr int kSignalWindow = 28;    // SIGWINCH

template <typename T>
Result<uint64_t> give(uint64_t address, const T& value) {
  const Result<void> written = UserPtr<T>(address).write(value);
  if (written.is_error()) return written.error();
  return static_cast<uint64_t>(0);
}

Result<uint64_t> done(const Result<void>& result) {
  if (result.is_error()) return result.error();
  return static_cast<uint64_t>(0);
}

}  // namespace

void Terminal::tell_service() {
  if (is_attached()) notify_terminal_service();
}

Termios Terminal::settings() {
  SpinGuard guard(settings_lock_);
  return settings_;
}

void Terminal::publish_settings() {
  if (!block_) return;
  SpinGuard guard(settings_lock_);
  const uint32_t sequence = load(block_->settings_sequence);
  store(block_->settings_sequence, sequence + 1);
  store(block_->input_flags, settings_.input_flags);
  store(block_->output_flags, settings_.output_flags);
  store(block_->control_flags, settings_.control_flags);
  store(block_->local_flags, settings_.local_flags);
  for (unsigned i = 0; i < kControlCharacters; ++i) {
    __atomic_store_n(&block_->control_characters[i], settings_.control_characters[i],
                     __ATOMIC_RELAXED);
  }
  store(block_->settings_sequence, sequence + 2);
}

Result<void> Terminal::change_settings(const Termios& changed, uint32_t request) {
  if (request != kSet && request != kSet2) {
    const Result<void> drained = drain(true, 0);
    if (drained.is_error()) return drained;
  }
  if (request == kSetAfterFlush || request == kSet2AfterFlush) discard_input();
  {
    SpinGuard guard(settings_lock_);
    settings_ = changed;
    settings_.line_discipline = 0;
  }
  publish_settings();
  follow_interrupt_key();
  tell_service();
  // What can be read may be more, or less, now.
  queue_.wake_all();
  return {};
}

Result<uint64_t> Terminal::set_window_size(const WindowSize& size) {
  {
    SpinGuard guard(settings_lock_);
    const bool is_same = memcmp(&size, &window_size_, sizeof(size)) == 0;
    window_size_ = size;
    if (is_same) return static_cast<uint64_t>(0);
  }
  signal_app(kSignalWindow);
  return static_cast<uint64_t>(0);
}

void Terminal::resize(uint32_t columns, uint32_t rows) {
  WindowSize size = {};
  size.columns = static_cast<uint16_t>(columns);
  size.rows = static_cast<uint16_t>(rows);
  (void)set_window_size(size).is_error();
}

Result<uint64_t> Terminal::control_flow(uint64_t action) {
  if (action > kInputOn) return Errno::Invalid;
  // The other two ask the other side to stop and to go on, which a device does by itself.
  if (action > kOutputOn || !block_) return static_cast<uint64_t>(0);
  store(block_->output_is_stopped, action == kOutputOff ? 1 : 0);
  tell_service();
  return static_cast<uint64_t>(0);
}

Result<uint64_t> Terminal::flush(uint64_t which) {
  if (which > kFlushBoth) return Errno::Invalid;
  if (which != kFlushOutput) discard_input();
  if (which != kFlushInput) discard_output();
  tell_service();
  return static_cast<uint64_t>(0);
}

Result<uint64_t> Terminal::ioctl(uint32_t request, uint64_t argument) {
  (void)prepare().is_error();
  switch (request) {
    case kGet:
      return give(argument, settings());
    case kSet:
    case kSetAfterDrain:
    case kSetAfterFlush: {
      const Result<Termios> changed = UserPtr<Termios>(argument).read();
      if (changed.is_error()) return changed.error();
      return done(change_settings(changed.value(), request));
    }
    case kGet2: {
      const Termios2 all = {settings(), kSpeed, kSpeed};
      return give(argument, all);
    }
    case kSet2:
    case kSet2AfterDrain:
    case kSet2AfterFlush: {
      const Result<Termios2> changed = UserPtr<Termios2>(argument).read();
      if (changed.is_error()) return changed.error();
      return done(change_settings(changed.value().settings, request));
    }
    case kBreak:
      // With 0 Linux sends a break, where the device has one: none here has.
      return done(drain(true, 0));
    case kFlow:
      return control_flow(argument);
    case kFlush:
      return flush(argument);
    case kBecomeControlling:
      return static_cast<uint64_t>(0);  // it is, for the one session that there is
    case kGetGroup:
    case kGetSession:
      return give<int32_t>(argument, kProcessId);
    case kSetGroup: {
      const Result<int32_t> group = UserPtr<int32_t>(argument).read();
      if (group.is_error()) return group.error();
      if (group.value() < 0) return Errno::Invalid;
      if (group.value() != kProcessId) return Errno::NoProcess;
      return static_cast<uint64_t>(0);
    }
    case kUnsentOutput: {
      uint32_t waiting = 0;
      if (is_attached()) {
        MutexGuard guard(output_mutex_);
        take_tail();
        waiting = output_head_ - output_tail_ + load(block_->unsent);
      }
      return give(argument, static_cast<int32_t>(waiting));
    }
    case kReadableInput:
      return give(argument, static_cast<int32_t>(readable(kAll).bytes));
    case kGetSize: {
      WindowSize size;
      {
        SpinGuard guard(settings_lock_);
        size = window_size_;
      }
      return give(argument, size);
    }
    case kSetSize: {
      const Result<WindowSize> size = UserPtr<WindowSize>(argument).read();
      if (size.is_error()) return size.error();
      return set_window_size(size.value());
    }
    case kGetDiscipline:
      return give<int32_t>(argument, 0);  // N_TTY
    case kSetDiscipline: {
      const Result<int32_t> discipline = UserPtr<int32_t>(argument).read();
      if (discipline.is_error()) return discipline.error();
      return discipline.value() == 0 ? Result<uint64_t>(0) : Result<uint64_t>(Errno::Invalid);
    }
    default:
      return Errno::NotTerminal;
  }
}

}  // namespace runtime
