// Signals: signal(7). Pending sets, masks, handlers and frames.
#pragma once

#include <stdint.h>

#include "lib/list.h"
#include "lib/result.h"
#include "sched/wait_queue.h"

namespace runtime {

class Thread;

constexpr int kSignalHangUp = 1;
constexpr int kSignalInterrupt = 2;
constexpr int kSignalIllegal = 4;
constexpr int kSignalTrap = 5;
constexpr int kSignalAbort = 6;
constexpr int kSignalBus = 7;
constexpr int kSignalFloat = 8;
constexpr int kSignalKill = 9;
constexpr int kSignalSegmentation = 11;
constexpr int kSignalPipe = 13;
constexpr int kSignalAlarm = 14;
constexpr int kSignalTerminate = 15;
constexpr int kSignalChild = 17;
constexpr int kSignalStop = 19;
constexpr int kFirstRealTimeSignal = 32;
constexpr int kSignalCount = 64;

/// A set of signals as the ABI has it: bit n-1 stands for signal n.
using SignalSet = uint64_t;
constexpr SignalSet signal_bit(int signal) { return 1ull << (signal - 1); }

/// siginfo_t, sigaction(2): 128 bytes.
struct SignalInfo {
  int32_t signal;
  int32_t error;
  int32_t code;
  int32_t padding;
  union {
    struct {
      uint64_t address;  // faults: si_addr
    } fault;
    struct {
      int32_t process;
      uint32_t user;
      uint64_t value;
    } sender;
    uint8_t bytes[112];
  };
};
static_assert(sizeof(SignalInfo) == 128, "siginfo_t is 128 bytes");

/// A real-time signal that waits behind another of its number, signal(7): each is delivered.
struct QueuedSignal {
  SignalInfo info;
  ListNode node;
};
using SignalQueue = List<QueuedSignal, &QueuedSignal::node>;

/// Sends `signal` to the process (any thread that does not block it gets it). Interrupt-safe.
void send_process_signal(int signal, const SignalInfo& info);
/// Sends to one thread.
void send_thread_signal(Thread* thread, int signal, const SignalInfo& info);
/// SignalInfo of kill(2) and friends; code is SI_USER (0) or SI_TKILL (-6).
SignalInfo sender_signal_info(int signal, int code);

/// SIGPIPE for the calling thread, as write(2) on a broken pipe sends it.
void raise_broken_pipe();

/// Replaces the calling thread's mask and returns the old one; ppoll and friends use the pair.
SignalSet set_signal_mask(SignalSet mask);
/// As set_signal_mask, but the old mask comes back only after the handler that interrupts the call
/// has run (sigsuspend, ppoll and epoll_pwait): pass what set_signal_mask returned.
void restore_signal_mask_after_handler(SignalSet old_mask);

/// Takes one pending signal in `wanted` off the calling thread's or the process's set, for signalfd
/// and sigtimedwait. Returns false when none is pending.
bool take_pending_signal(SignalSet wanted, SignalInfo* info);
/// Pending signals of thread and process.
SignalSet pending_signals();
/// Woken whenever a signal becomes pending.
WaitQueue& signal_wait_queue();

}  // namespace runtime
