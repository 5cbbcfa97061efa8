// Sending, choosing and delivering signals. Source: signal(7), POSIX.1-2017 2.4.
#include "linux/signals.h"

#include "arch/x86_64/cpu.h"
#include "boot/crash.h"
#include "boot/exit_status.h"
#include "broker/broker.h"
#include "lib/format.h"
#include "lib/string.h"
#include "linux/abi.h"
#include "linux/process_info.h"
#include "linux/signals_internal.h"
#include "linux/terminal_interface.h"
#include "sched/scheduler.h"
#include "sched/thread.h"
#include "sync/spinlock.h"
#include "terminal/terminal.h"

namespace runtime {

namespace {

constexpr SignalSet kUnblockable = 1ull << (kSignalKill - 1) | 1ull << (kSignalStop - 1);

/// Signals that faults raise. Their frames are made first, so that the handler finds the
/// instruction that failed, not the start of another signal's handler.
constexpr SignalSet kSynchronous = signal_bit(kSignalSegmentation) | signal_bit(kSignalBus) |
                                   signal_bit(kSignalIllegal) | signal_bit(kSignalTrap) |
                                   signal_bit(kSignalFloat) | signal_bit(31);  // SIGSYS

struct ProcessSignals {
  SignalAction actions[kSignalCount + 1];
  SignalSet pending = 0;
  SignalInfo info[kSignalCount + 1];
  SignalQueue queued;
};
Locked<ProcessSignals> process_signals(LockRank::Signal);
WaitQueue signal_queue;

bool is_ignored(const ProcessSignals& process, int signal) {
  const uint64_t handler = process.actions[signal].handler;
  return handler == kHandlerIgnore || (handler == kHandlerDefault && is_ignored_by_default(signal));
}

void wake_for_signal(Thread* thread) {
  if (thread->state == Thread::State::Sleeping && !thread->sleeps_interruptibly) return;
  Scheduler::make_runnable(thread);
  Scheduler::interrupt(thread);
}

/// A thread that would take `signal` now: the first one, by id, that does not block it.
RefPtr<Thread> choose_thread(int signal) {
  ThreadInfo info;
  for (int id = 0; next_thread(id, &info); id = info.id + 1) {
    RefPtr<Thread> thread = find_thread(info.id);
    if (thread && (!(thread->signals.mask & signal_bit(signal)) ||
                   (thread->signals.waited_for & signal_bit(signal))))
      return thread;
  }
  return nullptr;
}

/// Makes a signal pending in `target`, a thread's set or the process's. A standard signal that is
/// pending already is not counted; a real-time one is, while there is memory.
template <typename Target>
void add_pending(Target& target, int signal, const SignalInfo& info) {
  const bool was_pending = (target.pending & signal_bit(signal)) != 0;
  target.pending |= signal_bit(signal);
  if (!was_pending) {
    target.info[signal] = info;
  } else if (signal >= kFirstRealTimeSignal) {
    QueuedSignal* queued = new QueuedSignal();
    if (!queued) return;
    queued->info = info;
    target.queued.push_back(queued);
  }
}

/// Takes a signal out of `target`: the lowest in `wanted`, but faults before all. Returns 0 when
/// there is none.
template <typename Target>
int take_from(Target& target, SignalSet wanted, SignalInfo* info) {
  SignalSet ready = target.pending & wanted;
  if (!ready) return 0;
  if (ready & kSynchronous) ready &= kSynchronous;
  const int signal = __builtin_ctzll(ready) + 1;
  *info = target.info[signal];
  for (QueuedSignal* queued = target.queued.front(); queued; queued = target.queued.next(queued)) {
    if (queued->info.signal != signal) continue;
    target.info[signal] = queued->info;
    queued->node.unlink();
    delete queued;
    return signal;
  }
  target.pending &= ~signal_bit(signal);
  return signal;
}

/// Takes a pending signal in `wanted`, the thread's own first.
int take_pending(ProcessSignals& process, Thread* thread, SignalSet wanted, SignalInfo* info) {
  const int signal = take_from(thread->signals, wanted, info);
  return signal ? signal : take_from(process, wanted, info);
}

/// The default action of a signal that nobody handles and that is not ignored.
[[noreturn]] void end_by_signal(const TrapFrame* frame, int signal) {
  char reason[64];
  format(reason, sizeof(reason), "signal %d (%s)", signal, signal_name(signal));
  const bool is_crash = signal == kSignalSegmentation || signal == kSignalBus ||
                        signal == kSignalIllegal || signal == kSignalFloat ||
                        signal == kSignalAbort || signal == kSignalTrap || signal == 31;
  // What the app wrote comes before what is said of its end.
  if (!is_terminal_service()) terminals_finish();
  if (is_crash) {
    terminals_send_rest();
    report_application_crash(frame, signal);
  } else {
    log(LogLevel::Error, "the app was ended by signal %d (%s)", signal, signal_name(signal));
    broker_finish_sending();
  }
  end_machine(128 + signal, reason);
}

}  // namespace

bool is_ignored_by_default(int signal) {
  // CHLD, CONT, URG, WINCH; and the stop signals, as there is nobody who could continue.
  return signal == kSignalChild || signal == 18 || signal == 23 || signal == 28 ||
         (signal >= kSignalStop && signal <= 22);
}

const char* signal_name(int signal) {
  static const char* const kNames[] = {
      "signal 0",  "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
      "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
      "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
      "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS"};
  if (signal >= 0 && static_cast<size_t>(signal) < array_size(kNames)) return kNames[signal];
  return "real-time signal";
}

SignalAction signal_action(int signal) {
  return process_signals.with([=](ProcessSignals& process) { return process.actions[signal]; });
}

void set_signal_action(int signal, const SignalAction& action) {
  process_signals.with([&](ProcessSignals& process) {
    process.actions[signal] = action;
    process.actions[signal].mask &= ~kUnblockable;
    SignalInfo dropped;
    if (is_ignored(process, signal)) {
      while (take_from(process, signal_bit(signal), &dropped)) continue;
    }
  });
}

bool has_deliverable_signal(Thread* thread) {
  return process_signals.with([=](ProcessSignals& process) {
    return ((thread->signals.pending | process.pending) & ~thread->signals.mask) != 0;
  });
}

SignalInfo sender_signal_info(int signal, int code) {
  SignalInfo info;
  memset(&info, 0, sizeof(info));
  info.signal = signal;
  info.code = code;
  info.sender.process = kProcessId;
  return info;
}

void send_thread_signal(Thread* thread, int signal, const SignalInfo& info) {
  const bool queued = process_signals.with([&](ProcessSignals& process) {
    ThreadSignals& own = thread->signals;
    const SignalSet bit = signal_bit(signal);
    if (is_ignored(process, signal) && !(own.mask & bit) && !(own.waited_for & bit)) return false;
    add_pending(own, signal, info);
    return true;
  });
  if (!queued) return;
  wake_for_signal(thread);
  signal_queue.wake_all(kPollIn);
}

void send_process_signal(int signal, const SignalInfo& info) {
  RefPtr<Thread> target = choose_thread(signal);
  const bool queued = process_signals.with([&](ProcessSignals& process) {
    if (is_ignored(process, signal) && target && !(target->signals.waited_for & signal_bit(signal)))
      return false;
    add_pending(process, signal, info);
    return true;
  });
  if (!queued) return;
  if (target) wake_for_signal(target.get());
  signal_queue.wake_all(kPollIn);
}

void raise_broken_pipe() {
  send_thread_signal(Thread::current(), kSignalPipe, sender_signal_info(kSignalPipe, 0));
}

SignalSet set_signal_mask(SignalSet mask) {
  Thread* thread = Thread::current();
  return process_signals.with([=](ProcessSignals&) {
    const SignalSet old = thread->signals.mask;
    thread->signals.mask = mask & ~kUnblockable;
    return old;
  });
}

void restore_signal_mask_after_handler(SignalSet old_mask) {
  Thread* thread = Thread::current();
  process_signals.with([=](ProcessSignals&) {
    thread->signals.has_saved_mask = true;
    thread->signals.saved_mask = old_mask;
  });
}

bool take_pending_signal(SignalSet wanted, SignalInfo* info) {
  Thread* thread = Thread::current();
  return process_signals.with(
      [=](ProcessSignals& process) { return take_pending(process, thread, wanted, info) != 0; });
}

SignalSet pending_signals() {
  Thread* thread = Thread::current();
  return process_signals.with(
      [=](ProcessSignals& process) { return thread->signals.pending | process.pending; });
}

WaitQueue& signal_wait_queue() { return signal_queue; }

bool deliver_signals(TrapFrame* frame) {
  Thread* thread = Thread::current();
  bool changed = false;
  for (;;) {
    SignalInfo info;
    SignalAction action;
    SignalSet mask_to_restore = 0;
    const int signal = process_signals.with([&](ProcessSignals& process) {
      ThreadSignals& own = thread->signals;
      const int taken = take_pending(process, thread, ~own.mask, &info);
      if (!taken) return 0;
      action = process.actions[taken];
      if (action.handler > kHandlerIgnore && (action.flags & kActionResetHandler))
        process.actions[taken].handler = kHandlerDefault;
      return taken;
    });
    if (!signal) break;
    if (action.handler == kHandlerIgnore) continue;
    if (action.handler == kHandlerDefault) {
      if (is_ignored_by_default(signal)) continue;
      end_by_signal(frame, signal);
    }
    if (frame->vector == kSystemCallVector) {
      const int64_t result = static_cast<int64_t>(frame->rax);
      if (result == -static_cast<int64_t>(Errno::Restart)) {
        if (action.flags & kActionRestart) {
          frame->rax = frame->error;
          frame->rip -= 2;  // the length of `syscall`
        } else {
          frame->rax = static_cast<uint64_t>(-static_cast<int64_t>(Errno::Interrupted));
        }
      }
      frame->vector = 0;
    }
    process_signals.with([&](ProcessSignals&) {
      ThreadSignals& own = thread->signals;
      mask_to_restore = own.has_saved_mask ? own.saved_mask : own.mask;
      own.has_saved_mask = false;
    });
    if (push_signal_frame(frame, signal, action, info, mask_to_restore).is_error()) {
      log(LogLevel::Error, "no stack for the handler of %s: stack pointer 0x%llx",
          signal_name(signal), static_cast<unsigned long long>(frame->rsp));
      end_by_signal(frame, kSignalSegmentation);
    }
    process_signals.with([&](ProcessSignals&) {
      ThreadSignals& own = thread->signals;
      own.mask |= action.mask & ~kUnblockable;
      if (!(action.flags & kActionNoDefer)) own.mask |= signal_bit(signal);
    });
    changed = true;
  }
  if (!changed) {
    process_signals.with([&](ProcessSignals&) {
      ThreadSignals& own = thread->signals;
      if (own.has_saved_mask) own.mask = own.saved_mask;
      own.has_saved_mask = false;
    });
  }
  if (frame->vector == kSystemCallVector &&
      static_cast<int64_t>(frame->rax) == -static_cast<int64_t>(Errno::Restart)) {
    frame->rax = frame->error;
    frame->rip -= 2;
    frame->vector = 0;
    changed = true;
  }
  return changed;
}

void raise_fault(TrapFrame* frame, int signal, int code, uint64_t address) {
  Thread* thread = Thread::current();
  SignalInfo info;
  memset(&info, 0, sizeof(info));
  info.signal = signal;
  info.code = code;
  info.fault.address = address;
  FaultRecord& last = thread->signals.last_fault;
  last.signal = signal;
  last.code = code;
  last.vector = frame->vector;
  last.error = frame->error;
  last.rip = frame->rip;
  last.address = address;
  const bool can_handle = process_signals.with([&](ProcessSignals& process) {
    if (process.actions[signal].handler <= kHandlerIgnore ||
        (thread->signals.mask & signal_bit(signal)))
      return false;
    thread->signals.info[signal] = info;
    thread->signals.pending |= signal_bit(signal);
    return true;
  });
  if (!can_handle) end_by_signal(frame, signal);
}

}  // namespace runtime
