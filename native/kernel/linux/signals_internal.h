// What signal delivery shares with the entry code and the signal system calls.
#pragma once

#include "arch/x86_64/trap_frame.h"
#include "linux/signals.h"
#include "memory/user.h"

namespace runtime {

/// struct sigaction as rt_sigaction(2) of the kernel has it.
struct SignalAction {
  uint64_t handler = 0;  // 0: default, 1: ignore
  uint64_t flags = 0;
  uint64_t restorer = 0;
  SignalSet mask = 0;
};

constexpr uint64_t kHandlerDefault = 0;
constexpr uint64_t kHandlerIgnore = 1;
constexpr uint64_t kActionOnStack = 0x08000000;
constexpr uint64_t kActionRestart = 0x10000000;
constexpr uint64_t kActionNoDefer = 0x40000000;
constexpr uint64_t kActionResetHandler = 0x80000000;

/// True when the thread or the process has a pending signal that the thread does not block.
bool has_deliverable_signal(Thread* thread);
/// Makes the calling thread's way back to the application pass through its pending handlers. Returns
/// true when `frame` was changed. Interrupts are on. Does not return when a signal ends the app.
bool deliver_signals(TrapFrame* frame);
/// A fault of the calling thread: its handler runs, or the application ends with a report when the
/// signal is blocked, ignored or has no handler.
void raise_fault(TrapFrame* frame, int signal, int code, uint64_t address);

SignalAction signal_action(int signal);
void set_signal_action(int signal, const SignalAction& action);
bool is_ignored_by_default(int signal);
/// "SIGSEGV" and so on.
const char* signal_name(int signal);

/// Writes the frame for `signal` to the application's stack and points `frame` at the handler.
/// `fault_address` is CR2 for page faults. Errors: Fault when the stack cannot take it.
Result<void> push_signal_frame(TrapFrame* frame, int signal, const SignalAction& action,
                               const SignalInfo& info, SignalSet mask_to_restore);
/// rt_sigreturn(2): takes the interrupted state back. Errors: Fault.
Result<void> pop_signal_frame(TrapFrame* frame);

/// The registers with which the running thread entered the kernel.
TrapFrame* entry_frame();

}  // namespace runtime
