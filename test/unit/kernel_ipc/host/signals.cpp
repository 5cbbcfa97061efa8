// Signals of the host process's one pretended Linux process. There are no handlers: a test sends a
// signal and looks at what a sleeping call returns.
#include "linux/signals.h"

#include <atomic>
#include <mutex>

#include "host.h"
#include "signals.h"

namespace host {

namespace {

std::mutex signal_mutex;
std::atomic<runtime::SignalSet> pending{0};
runtime::SignalInfo pending_info[runtime::kSignalCount + 1];
std::atomic<int> broken_pipe_count{0};
std::atomic<int> left_masks{0};
thread_local runtime::SignalSet mask = 0;

}  // namespace

bool has_deliverable_signal() { return (pending & ~mask) != 0; }
int broken_pipes() { return broken_pipe_count; }
uint64_t signal_mask() { return mask; }
int masks_left_to_handlers() { return left_masks; }
void reset_thread() { mask = 0; }

void send_signal(int signal, int code, uint64_t value) {
  {
    std::lock_guard<std::mutex> guard(signal_mutex);
    runtime::SignalInfo info = {};
    info.signal = signal;
    info.code = code;
    info.sender.process = 1;
    info.sender.value = value;
    pending_info[signal] = info;
    pending |= runtime::signal_bit(signal);
  }
  runtime::signal_wait_queue().wake_all();
  wake_all_sleepers();
}

void clear_signals() { pending = 0; }

}  // namespace host

namespace runtime {

void raise_broken_pipe() { ++host::broken_pipe_count; }

SignalSet set_signal_mask(SignalSet mask) {
  const SignalSet old = host::mask;
  host::mask = mask;
  return old;
}

void restore_signal_mask_after_handler(SignalSet old_mask) {
  ++host::left_masks;
  host::mask = old_mask;
}

SignalSet pending_signals() { return host::pending; }

bool take_pending_signal(SignalSet wanted, SignalInfo* info) {
  std::lock_guard<std::mutex> guard(host::signal_mutex);
  const SignalSet found = host::pending & wanted;
  if (!found) return false;
  const int signal = __builtin_ctzll(found) + 1;
  *info = host::pending_info[signal];
  host::pending &= ~signal_bit(signal);
  return true;
}

WaitQueue& signal_wait_queue() {
  static WaitQueue queue;
  return queue;
}

}  // namespace runtime
