// Signal system calls: sigaction(2), sigprocmask(2), sigaltstack(2), kill(2), tgkill(2),
// sigtimedwait(2), sigsuspend(2).
#include "lib/format.h"
#include "linux/process_info.h"
#include "linux/signals_internal.h"
#include "linux/system_calls.h"
#include "linux/time_convert.h"
#include "sched/thread.h"

namespace runtime {

namespace {

constexpr int kMaskBlock = 0;
constexpr int kMaskUnblock = 1;
constexpr int kMaskSet = 2;
constexpr int32_t kStackOnStack = 1;
constexpr int32_t kStackDisabled = 2;
constexpr uint64_t kMinimumStack = 2048;
constexpr int kCodeUser = 0;
constexpr int kCodeThread = -6;

/// stack_t of sigaltstack(2).
struct AlternateStackRecord {
  uint64_t base;
  int32_t flags;
  int32_t padding;
  uint64_t size;
};

bool is_valid_signal(int signal) { return signal >= 1 && signal <= kSignalCount; }

Result<uint64_t> send_to_thread(int thread_id, int signal, const SignalInfo& info) {
  if (signal < 0 || signal > kSignalCount || thread_id <= 0) return Errno::Invalid;
  RefPtr<Thread> thread = find_thread(thread_id);
  if (!thread) return Errno::NoProcess;
  if (signal) send_thread_signal(thread.get(), signal, info);
  return 0;
}

bool names_this_process(int process) {
  return process == kProcessId || process == 0 || process == -1 || process == -kProcessId;
}

}  // namespace

Result<uint64_t> sys_rt_sigaction(int signal, UserPtr<void> action, UserPtr<void> old_action,
                                  uint64_t mask_size) {
  if (mask_size != sizeof(SignalSet) || !is_valid_signal(signal)) return Errno::Invalid;
  if (action && (signal == kSignalKill || signal == kSignalStop)) return Errno::Invalid;
  const SignalAction old = signal_action(signal);
  if (action) {
    Result<SignalAction> wanted = action.cast<SignalAction>().read();
    if (wanted.is_error()) return wanted.error();
    set_signal_action(signal, wanted.value());
  }
  if (old_action) {
    Result<void> written = old_action.cast<SignalAction>().write(old);
    if (written.is_error()) return written.error();
  }
  return 0;
}

Result<uint64_t> sys_rt_sigprocmask(int how, UserPtr<uint64_t> mask, UserPtr<uint64_t> old_mask,
                                    uint64_t mask_size) {
  if (mask_size != sizeof(SignalSet)) return Errno::Invalid;
  const SignalSet old = Thread::current()->signals.mask;
  if (mask) {
    Result<uint64_t> wanted = mask.read();
    if (wanted.is_error()) return wanted.error();
    SignalSet next = wanted.value();
    if (how == kMaskBlock) {
      next |= old;
    } else if (how == kMaskUnblock) {
      next = old & ~next;
    } else if (how != kMaskSet) {
      return Errno::Invalid;
    }
    set_signal_mask(next);
  }
  if (old_mask) {
    Result<void> written = old_mask.write(old);
    if (written.is_error()) return written.error();
  }
  return 0;
}

Result<uint64_t> sys_rt_sigreturn() {
  TrapFrame* frame = entry_frame();
  if (pop_signal_frame(frame).is_error()) {
    log(LogLevel::Error, "rt_sigreturn: the signal frame at 0x%llx is not readable or not sane",
        static_cast<unsigned long long>(frame->rsp));
    frame->vector = 0;
    raise_fault(frame, kSignalSegmentation, 0x80, frame->rsp);
  }
  return frame->rax;
}

Result<uint64_t> sys_pause() {
  WaitQueue nobody;
  nobody.wait([] { return false; });
  return Errno::Interrupted;
}

Result<uint64_t> sys_kill(int process, int signal) {
  if (signal < 0 || signal > kSignalCount) return Errno::Invalid;
  if (!names_this_process(process)) return Errno::NoProcess;
  if (signal) send_process_signal(signal, sender_signal_info(signal, kCodeUser));
  return 0;
}

Result<uint64_t> sys_tkill(int thread, int signal) {
  return send_to_thread(thread, signal, sender_signal_info(signal, kCodeThread));
}

Result<uint64_t> sys_tgkill(int process, int thread, int signal) {
  if (process <= 0) return Errno::Invalid;
  if (process != kProcessId) return Errno::NoProcess;
  return send_to_thread(thread, signal, sender_signal_info(signal, kCodeThread));
}

Result<uint64_t> sys_rt_sigqueueinfo(int process, int signal, UserPtr<void> info) {
  if (!is_valid_signal(signal)) return Errno::Invalid;
  if (process != kProcessId) return Errno::NoProcess;
  Result<SignalInfo> sent = info.cast<SignalInfo>().read();
  if (sent.is_error()) return sent.error();
  sent.value().signal = signal;
  send_process_signal(signal, sent.value());
  return 0;
}

Result<uint64_t> sys_rt_tgsigqueueinfo(int process, int thread, int signal, UserPtr<void> info) {
  if (!is_valid_signal(signal)) return Errno::Invalid;
  if (process != kProcessId) return Errno::NoProcess;
  Result<SignalInfo> sent = info.cast<SignalInfo>().read();
  if (sent.is_error()) return sent.error();
  sent.value().signal = signal;
  return send_to_thread(thread, signal, sent.value());
}

Result<uint64_t> sys_rt_sigpending(UserPtr<uint64_t> mask, uint64_t mask_size) {
  if (mask_size > sizeof(SignalSet)) return Errno::Invalid;
  Result<void> written = mask.write(pending_signals() & Thread::current()->signals.mask);
  if (written.is_error()) return written.error();
  return 0;
}

Result<uint64_t> sys_rt_sigtimedwait(UserPtr<uint64_t> mask, UserPtr<void> info,
                                     UserPtr<TimeSpec> timeout, uint64_t mask_size) {
  if (mask_size != sizeof(SignalSet)) return Errno::Invalid;
  Result<uint64_t> wanted = mask.read();
  if (wanted.is_error()) return wanted.error();
  Deadline deadline = Deadline::never();
  if (timeout) {
    Result<TimeSpec> duration = timeout.read();
    if (duration.is_error()) return duration.error();
    if (!is_valid_time(duration.value())) return Errno::Invalid;
    deadline = Deadline::after(to_nanoseconds(duration.value()));
  }
  SignalInfo taken;
  Thread* thread = Thread::current();
  thread->signals.waited_for = wanted.value();
  const WaitResult result = signal_wait_queue().wait(
      [&] { return take_pending_signal(wanted.value(), &taken); }, deadline);
  thread->signals.waited_for = 0;
  if (result == WaitResult::TimedOut) return Errno::Again;
  if (result == WaitResult::Interrupted) return Errno::Interrupted;
  if (info) {
    Result<void> written = info.cast<SignalInfo>().write(taken);
    if (written.is_error()) return written.error();
  }
  return static_cast<uint64_t>(taken.signal);
}

Result<uint64_t> sys_rt_sigsuspend(UserPtr<uint64_t> mask, uint64_t mask_size) {
  if (mask_size != sizeof(SignalSet)) return Errno::Invalid;
  Result<uint64_t> wanted = mask.read();
  if (wanted.is_error()) return wanted.error();
  restore_signal_mask_after_handler(set_signal_mask(wanted.value()));
  WaitQueue nobody;
  nobody.wait([] { return false; });
  return Errno::Interrupted;
}

Result<uint64_t> sys_sigaltstack(UserPtr<void> stack, UserPtr<void> old_stack) {
  SignalStack& current = Thread::current()->signals.alternate;
  const uint64_t stack_pointer = entry_frame()->rsp;
  const bool is_active = current.is_set && stack_pointer > current.base &&
                         stack_pointer - current.base <= current.size;
  AlternateStackRecord old = {current.base, 0, 0, current.size};
  old.flags = !current.is_set ? kStackDisabled : (is_active ? kStackOnStack : 0);
  if (stack) {
    Result<AlternateStackRecord> wanted = stack.cast<AlternateStackRecord>().read();
    if (wanted.is_error()) return wanted.error();
    if (is_active) return Errno::Perm;
    const int32_t flags = wanted.value().flags;
    if (flags != 0 && flags != kStackOnStack && flags != kStackDisabled) return Errno::Invalid;
    if (flags == kStackDisabled) {
      current = SignalStack();
    } else {
      if (wanted.value().size < kMinimumStack) return Errno::NoMemory;
      current.base = wanted.value().base;
      current.size = wanted.value().size;
      current.is_set = true;
    }
  }
  if (old_stack) {
    Result<void> written = old_stack.cast<AlternateStackRecord>().write(old);
    if (written.is_error()) return written.error();
  }
  return 0;
}

}  // namespace runtime
