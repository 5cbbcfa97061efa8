// Terminals: what the app has open as /dev/console, /dev/tty and /dev/NAME. The line discipline and the
// devices are the console service's, in TypeScript (lib/tty, drivers/uart and others); native/abi/
// terminal.abi.ts tells how the memory between is laid out and who writes what.
//
// The console is number 0. As long as no service has it open, its output goes to the boot console at once,
// and input comes from there without a line discipline. When the service dies, it is so again: what the
// service had not sent is sent first.
//
// The service may be wrong, so nothing that it writes is believed: an index that cannot be is not taken.
//
// One write(2) has its turn at a time; locks are output_mutex_ or input_mutex_, which sleep, and the spinlock of
// the settings, rank Pipe.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/result.h"
#include "linux/abi.h"
#include "memory/user.h"
#include "sched/wait_queue.h"
#include "sync/mutex.h"
#include "terminal/environment.h"
#include "terminal/output_processing.h"
#include "terminal/termios.h"

namespace runtime {

class Terminal {
 public:
  /// `queue`: whom to wake instead of a queue of its own.
  explicit Terminal(WaitQueue* queue = nullptr);
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // For the app.

  /// read(2): a line, or in non-canonical mode what VMIN and VTIME say. Errors: Again, Restart, Fault.
  Result<size_t> read(IoBuffer& buffer, bool is_non_blocking);
  /// write(2). Of what the service itself writes, that part is dropped for which there is no space. Errors:
  /// Again, Restart, Fault.
  Result<size_t> write(IoBuffer& buffer, bool is_non_blocking);
  /// ioctl_tty(2). Errors: as there; NotTerminal for what this is not.
  Result<uint64_t> ioctl(uint32_t request, uint64_t argument);
  /// The poll(2) bits that are true now.
  uint32_t poll_events();
  WaitQueue& queue() { return queue_; }

  // For the service.

  /// A life of the service takes it over. Errors: NoMemory, Busy (it has it already).
  Result<void> attach();
  /// The life is over: the console goes back to the boot console.
  void detach();
  /// The service has changed the block: wakes who waits.
  void notify();
  /// See terminal_grow in native/abi/terminal.abi.ts. Errors: Invalid, NoMemory.
  Result<void> grow(uint32_t capacity);
  void signal(int number, bool with_flush);
  void resize(uint32_t columns, uint32_t rows);
  bool is_attached() const { return __atomic_load_n(&is_attached_, __ATOMIC_ACQUIRE); }

  /// Waits until everything has been sent. Errors: Restart, when `is_interruptible`; TimedOut when nothing
  /// moved for `patience` nanoseconds, unless that is 0.
  Result<void> drain(bool is_interruptible, uint64_t patience);
  /// The machine ends: writes what the service has not sent to the boot console. Takes no lock.
  void send_rest();

  bool is_console() const;
  /// Lets the boot console look for the key that interrupts, where no line discipline does.
  void follow_interrupt_key();

 private:
  Result<void> prepare();
  // terminal_output.cpp
  Result<size_t> write_all(IoBuffer& buffer, bool is_non_blocking);
  Result<size_t> write_piece(IoBuffer& buffer);
  Result<void> take_turn(bool is_non_blocking);
  void end_turn();
  Result<void> wait_for_space();
  void put_output(const char* bytes, size_t size);
  void take_tail();
  uint32_t output_space();
  bool has_space();
  bool expects_space();
  void expect(uint32_t what);
  bool is_drained();
  void send_from(uint32_t position);
  void discard_output();
  // terminal_input.cpp
  enum class Taken { Some, None, End };
  Taken take_input(IoBuffer& buffer, Result<void>* copied);
  Taken take_records(IoBuffer& buffer, bool is_canonical, Result<void>* copied);
  Taken take_from_boot_console(IoBuffer& buffer, Result<void>* copied);
  bool open_record();
  void close_record();
  bool reads_boot_console();
  struct Readable {
    uint32_t bytes;
    bool has_end;  // of file
  };
  static constexpr uint32_t kAll = 0xffffffff;
  Readable readable(uint32_t enough);
  bool has_input();
  void discard_input();
  Result<void> copy_input(IoBuffer& buffer, size_t size);
  // terminal_settings.cpp
  Termios settings();
  Result<void> change_settings(const Termios& changed, uint32_t request);
  void publish_settings();
  Result<uint64_t> set_window_size(const WindowSize& size);
  Result<uint64_t> control_flow(uint64_t action);
  Result<uint64_t> flush(uint64_t which);
  void tell_service();

  WaitQueue own_queue_;
  WaitQueue& queue_;
  WaitQueue write_turns_;
  bool is_written_ = false;  // atomic: a write(2) has its turn
  Mutex output_mutex_;
  Mutex input_mutex_;
  SpinLock settings_lock_;
  Termios settings_;  // guarded by settings_lock_, as is the size
  WindowSize window_size_;

  RuntimeTerminalBlock* block_ = nullptr;  // null until there was memory for it
  TerminalMemory output_;
  uint32_t output_capacity_ = 0;
  uint32_t output_head_ = 0;
  uint32_t output_tail_ = 0;  // the last one that could be
  TerminalMemory input_;
  uint32_t input_tail_ = 0;
  uint32_t record_left_ = 0;  // bytes of the record that is being read
  uint32_t record_padding_ = 0;
  uint32_t record_flags_ = 0;
  bool has_record_ = false;
  bool is_attached_ = false;  // atomic
  OutputProcessing processing_;
  uint64_t discarded_ = 0;  // bytes of output that nobody could see
  uint64_t bad_indices_ = 0;
};

/// The console, /dev/console and /dev/tty.
Terminal& console_terminal();
/// Terminal `index`, null when there is none.
Terminal* terminal_at(uint32_t index);
/// Makes a terminal; returns its number. Errors: NoMemory, NoSpace.
Result<uint32_t> add_terminal();
/// Takes back what add_terminal has just made.
void remove_terminal(uint32_t index);

/// Size from the command line, for terminals that cannot know theirs.
void set_default_window_size(uint32_t columns, uint32_t rows);

/// All terminals: the service that had them is gone.
void terminals_detach();
/// There is no service and will be none, or there is one now: who waits looks again.
void terminals_wake();
/// The app ends: waits until its output was sent, as long as it is taken. Not for the service's thread.
void terminals_finish();
/// The machine ends: what has not been sent goes to the boot console. Usable in any context.
void terminals_send_rest();

/// terminal_want and terminal_is_wanted of native/abi/terminal.abi.ts.
void want_terminals();
bool terminals_are_wanted();
/// A life of the system services begins, or has begun: all that start with it have started.
void terminals_expect_service();
void terminals_settle();
/// Whether one of the services is, or may turn out to be, the one for terminals.
bool may_have_terminal_service();

}  // namespace runtime
