// The terminals that there are, and lives of the service.
#include "terminal/terminal.h"

#include "boot/console.h"
#include "lib/new.h"
#include "terminal/shared_words.h"

namespace runtime {

using terminal_words::load;
using terminal_words::store;

namespace {

constexpr uint32_t kInputRing = 64 * 1024;
constexpr uint32_t kOutputRing = 64 * 1024;
constexpr int kSignalInterrupt = 2;
constexpr int kNoKey = -1;
/// How long the end of the app waits for a terminal at which nothing moves.
constexpr uint64_t kPatience = 2 * kNanosecondsPerSecond;

const Termios kDefaultSettings = {
    termios::kCarriageReturnToNewline | termios::kOutputControl | termios::kUtf8,
    termios::kProcessOutput | termios::kNewlineToCrNl,
    termios::kSpeedB115200 | termios::kEightBits | termios::kReceive | termios::kIgnoreModemLines,
    termios::kSignals | termios::kCanonical | termios::kEcho | termios::kEchoErase |
        termios::kEchoKill | termios::kEchoControl | termios::kEchoKillErase | termios::kExtended,
    0,
    // INTR ^C, QUIT ^\, ERASE DEL, KILL ^U, EOF ^D, TIME, MIN, SWTC, START ^Q, STOP ^S, SUSP ^Z, EOL,
    // REPRINT ^R, DISCARD ^O, WERASE ^W, LNEXT ^V, EOL2
    {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0}};

WindowSize default_size = {24, 80, 0, 0};

Mutex g_prepare_mutex(MutexRank::TerminalPrepare);
Terminal* g_terminals[RUNTIME_TERMINAL_MAXIMUM] = {};
bool g_is_wanted = false;    // atomic
bool g_has_service = false;  // atomic: one has asked whether terminals are wanted
bool g_is_settled = false;   // atomic

void interrupt_from_boot_console() { signal_app(kSignalInterrupt); }

/// From when the app wants terminals until the service has them nothing that is pasted may be lost. Earlier, and without
/// a service, the key that interrupts is more important than what nobody reads.
void keep_console_input() {
  console_keep_input(__atomic_load_n(&g_is_wanted, __ATOMIC_SEQ_CST) &&
                     terminal_service_state() != TerminalServiceState::Absent &&
                     may_have_terminal_service());
}

}  // namespace

Terminal::Terminal(WaitQueue* queue)
    : queue_(queue ? *queue : own_queue_),
      output_mutex_(MutexRank::TerminalOutput),
      input_mutex_(MutexRank::TerminalInput),
      settings_lock_(LockRank::Pipe),
      settings_(kDefaultSettings),
      window_size_(default_size) {}

bool Terminal::is_console() const { return this == &console_terminal(); }

Terminal& console_terminal() {
  static Terminal console(&console_input_queue());
  return console;
}

Terminal* terminal_at(uint32_t index) {
  if (index == 0) return &console_terminal();
  return index < RUNTIME_TERMINAL_MAXIMUM ? __atomic_load_n(&g_terminals[index], __ATOMIC_ACQUIRE)
                                          : nullptr;
}

Result<uint32_t> add_terminal() {
  MutexGuard guard(g_prepare_mutex);
  for (uint32_t index = 1; index < RUNTIME_TERMINAL_MAXIMUM; ++index) {
    if (g_terminals[index]) continue;
    Terminal* const made = new Terminal();
    if (!made) return Errno::NoMemory;
    __atomic_store_n(&g_terminals[index], made, __ATOMIC_RELEASE);
    return index;
  }
  return Errno::NoSpace;
}

void remove_terminal(uint32_t index) {
  MutexGuard guard(g_prepare_mutex);
  delete g_terminals[index];
  __atomic_store_n(&g_terminals[index], nullptr, __ATOMIC_RELEASE);
}

void set_default_window_size(uint32_t columns, uint32_t rows) {
  default_size.columns = static_cast<uint16_t>(columns);
  default_size.rows = static_cast<uint16_t>(rows);
}

/// Takes memory for block and rings, once. Errors: NoMemory.
Result<void> Terminal::prepare() {
  if (__atomic_load_n(&block_, __ATOMIC_ACQUIRE)) return {};
  MutexGuard guard(g_prepare_mutex);
  if (block_) return {};
  Result<RuntimeTerminalBlock*> blocks = terminal_blocks();
  if (blocks.is_error()) return blocks.error();
  Result<TerminalMemory> output = allocate_terminal_ring(kOutputRing);
  if (output.is_error()) return output.error();
  Result<TerminalMemory> input = allocate_terminal_ring(kInputRing);
  if (input.is_error()) {
    free_terminal_ring(output.value());
    return input.error();
  }
  uint32_t index = 0;
  while (terminal_at(index) != this) ++index;
  RuntimeTerminalBlock* const block = blocks.value() + index;
  output_ = output.value();
  input_ = input.value();
  output_capacity_ = kOutputRing;
  store(block->output_offset, output_.offset);
  store(block->output_capacity, output_capacity_);
  store(block->input_offset, input_.offset);
  store(block->input_capacity, kInputRing);
  __atomic_store_n(&block_, block, __ATOMIC_RELEASE);
  publish_settings();
  return {};
}

void Terminal::follow_interrupt_key() {
  if (!is_console()) return;
  const Termios now = settings();
  const uint8_t key = now.control_characters[termios::kInterruptKey];
  const bool is_on = !is_attached() && (now.local_flags & termios::kSignals) && key != 0;
  console_watch_for(is_on ? key : kNoKey, interrupt_from_boot_console);
}

Result<void> Terminal::attach() {
  Result<void> prepared = prepare();
  if (prepared.is_error()) return prepared;
  {
    MutexGuard guard(output_mutex_);
    if (is_attached()) return Errno::Busy;
    // Whatever a former life has left there: from here on both sides agree.
    store(block_->output_tail, output_tail_);
    store(block_->early_head, is_console() ? output_head_ : output_tail_);
    store(block_->boot_tail, output_head_);
    store(block_->has_boot_console, is_console() ? 1 : 0);
    store(block_->unsent, 0);
    store(block_->output_flushes, 0);
    __atomic_store_n(&is_attached_, true, __ATOMIC_RELEASE);
  }
  follow_interrupt_key();
  queue_.wake_all();
  return {};
}

void Terminal::detach() {
  if (!is_attached()) return;
  {
    MutexGuard guard(output_mutex_);
    send_rest();
    __atomic_store_n(&is_attached_, false, __ATOMIC_RELEASE);
    take_tail();
    if (output_head_ - output_tail_ > output_capacity_) {
      output_tail_ = output_head_ - output_capacity_;
    }
  }
  follow_interrupt_key();
  queue_.wake_all();
}

void Terminal::notify() {
  if (!block_) return;
  __atomic_store_n(&block_->kernel_waits, 0, __ATOMIC_SEQ_CST);
  uint32_t events = 0;
  if (load(block_->input_head) != load(block_->input_tail)) events |= kPollIn | kPollReadNormal;
  // 0 stands for "unknown": who waits for the end of output has no bit.
  queue_.wake_all(events ? 0 : kPollOut | kPollWriteNormal);
}

Result<void> Terminal::grow(uint32_t capacity) {
  if (!is_attached() || capacity > largest_terminal_ring() || (capacity & (capacity - 1))) {
    return Errno::Invalid;
  }
  Result<TerminalMemory> taken = allocate_terminal_ring(capacity);
  if (taken.is_error()) return taken.error();
  TerminalMemory old;
  {
    MutexGuard guard(output_mutex_);
    if (capacity <= output_capacity_) {
      old = taken.value();
    } else {
      take_tail();
      for (uint32_t at = output_tail_; at != output_head_;) {
        const uint32_t from = at & (output_capacity_ - 1);
        const uint32_t to = at & (capacity - 1);
        const uint32_t part =
            min_of(min_of(output_head_ - at, output_capacity_ - from), capacity - to);
        memcpy(taken.value().bytes + to, output_.bytes + from, part);
        at += part;
      }
      old = output_;
      output_ = taken.value();
      output_capacity_ = capacity;
      store(block_->output_offset, output_.offset);
      store(block_->output_capacity, capacity);
    }
  }
  free_terminal_ring(old);
  queue_.wake_all(kPollOut | kPollWriteNormal);
  return {};
}

void Terminal::signal(int number, bool with_flush) {
  if (with_flush) {
    discard_input();
    discard_output();
  }
  signal_app(number);
}

void terminals_detach() {
  for (uint32_t index = 0; index < RUNTIME_TERMINAL_MAXIMUM; ++index) {
    if (Terminal* const terminal = terminal_at(index)) terminal->detach();
  }
}

void terminals_wake() {
  keep_console_input();
  for (uint32_t index = 0; index < RUNTIME_TERMINAL_MAXIMUM; ++index) {
    if (Terminal* const terminal = terminal_at(index)) terminal->queue().wake_all();
  }
}

void terminals_finish() {
  for (uint32_t index = 0; index < RUNTIME_TERMINAL_MAXIMUM; ++index) {
    if (Terminal* const terminal = terminal_at(index))
      (void)terminal->drain(false, kPatience).is_error();
  }
}

void terminals_send_rest() { console_terminal().send_rest(); }

void want_terminals() {
  if (__atomic_exchange_n(&g_is_wanted, true, __ATOMIC_SEQ_CST)) return;
  keep_console_input();
  notify_terminal_service();
}

bool terminals_are_wanted() {
  __atomic_store_n(&g_has_service, true, __ATOMIC_SEQ_CST);
  return __atomic_load_n(&g_is_wanted, __ATOMIC_SEQ_CST);
}

void terminals_expect_service() {
  __atomic_store_n(&g_is_settled, false, __ATOMIC_SEQ_CST);
  terminals_wake();
}

void terminals_settle() {
  if (__atomic_load_n(&g_is_settled, __ATOMIC_RELAXED)) return;
  __atomic_store_n(&g_is_settled, true, __ATOMIC_SEQ_CST);
  terminals_wake();
}

bool may_have_terminal_service() {
  return __atomic_load_n(&g_has_service, __ATOMIC_SEQ_CST) ||
         !__atomic_load_n(&g_is_settled, __ATOMIC_SEQ_CST);
}

}  // namespace runtime
