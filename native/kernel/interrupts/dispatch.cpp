// What happens on an exception or an interrupt. Source: Intel SDM volume 3, 6.15.
#include "linux/dispatch.h"

#include "arch/x86_64/cpu.h"
#include "boot/console_port.h"
#include "boot/crash.h"
#include "boot/exit_status.h"
#include "boot/image_layout.h"
#include "interrupts/apic.h"
#include "interrupts/contain.h"
#include "interrupts/device_interrupts.h"
#include "interrupts/statistics.h"
#include "interrupts/where.h"
#include "lib/format.h"
#include "linux/signals_internal.h"
#include "lockup/lockup.h"
#include "memory/address_space.h"
#include "memory/shortage.h"
#include "memory/user.h"
#include "profile/profile.h"
#include "sched/scheduler.h"
#include "sched/scheduler_internal.h"
#include "sched/thread.h"
#include "smp/cpus.h"
#include "smp/shootdown.h"
#include "time/clock_source.h"

namespace runtime {

namespace {

constexpr unsigned kDivideError = 0;
constexpr unsigned kBreakpoint = 3;
constexpr unsigned kOverflow = 4;
constexpr unsigned kBoundRange = 5;
constexpr unsigned kInvalidOpcode = 6;
constexpr unsigned kX87Error = 16;
constexpr unsigned kPageFault = 14;
constexpr unsigned kAlignmentCheck = 17;
constexpr unsigned kSimdError = 19;
constexpr unsigned kExceptionCount = 32;

constexpr uint64_t kFaultWrite = 1 << 1;
constexpr uint64_t kFaultFetch = 1 << 4;

// si_code values, sigaction(2).
constexpr int kCodeKernel = 0x80;
constexpr int kCodeMapping = 1;
constexpr int kCodeAccess = 2;
constexpr int kCodeBusAddress = 2;
constexpr int kCodeIllegalOperand = 2;
constexpr int kCodeDivide = 1;

struct ExceptionEntry {
  int32_t fault;
  int32_t fixup;
};

uint8_t access_of(uint64_t error) {
  if (error & kFaultFetch) return kProtectionExecute;
  return error & kFaultWrite ? kProtectionWrite : kProtectionRead;
}

[[noreturn]] void out_of_memory(const TrapFrame* frame, uint64_t address) {
  report_out_of_memory(frame, address);
  end_machine(137, "out of memory");
}

void application_page_fault(TrapFrame* frame, uint64_t address) {
  switch (AddressSpace::handle_fault(address, access_of(frame->error))) {
    case FaultOutcome::Resolved:
      notice_memory_shortage();
      return;
    case FaultOutcome::OutOfMemory:
      if (await_free_memory()) return;  // and faults again
      out_of_memory(frame, address);
    case FaultOutcome::NoMapping:
      raise_fault(frame, kSignalSegmentation, kCodeMapping, address);
      return;
    case FaultOutcome::NoAccess:
      raise_fault(frame, kSignalSegmentation, kCodeAccess, address);
      return;
    case FaultOutcome::PastEnd:
      raise_fault(frame, kSignalBus, kCodeBusAddress, address);
      return;
  }
}

void application_exception(TrapFrame* frame) {
  switch (frame->vector) {
    case kDivideError:
      raise_fault(frame, kSignalFloat, kCodeDivide, frame->rip);
      break;
    case kX87Error:
    case kSimdError:
      raise_fault(frame, kSignalFloat, kCodeKernel, frame->rip);
      break;
    case 1:
    case kBreakpoint:
      raise_fault(frame, kSignalTrap, kCodeKernel, frame->rip);
      break;
    case kInvalidOpcode:
      raise_fault(frame, kSignalIllegal, kCodeIllegalOperand, frame->rip);
      break;
    case kAlignmentCheck:
      raise_fault(frame, kSignalBus, 1, frame->rip);
      break;
    default:
      raise_fault(frame, kSignalSegmentation, kCodeKernel, 0);
      break;
  }
}

#pragma GCC visibility push(hidden)
extern "C" const ExceptionEntry exception_table_start[], exception_table_end[];
#pragma GCC visibility pop

/// Continues a guarded copy at its failure path. Returns false when the instruction is not guarded.
bool apply_fixup(TrapFrame* frame) {
  for (const ExceptionEntry* entry = exception_table_start; entry < exception_table_end; ++entry) {
    const uint64_t base = reinterpret_cast<uint64_t>(entry);
    if (base + static_cast<int64_t>(entry->fault) != frame->rip) continue;
    frame->rip = base + static_cast<int64_t>(entry->fixup);
    return true;
  }
  return false;
}

/// An exception in the app's half with interrupts off: the kernel's doing when the stack is the kernel's. The
/// app cannot mean to, but its native code may: POPF loads the interrupt flag, too, in ring 0.
void restore_interrupts(TrapFrame* frame) {
  if (static_cast<int64_t>(frame->rsp) < 0) panic_with_frame(frame, "the kernel left its code");
  frame->rflags |= kFlagInterrupt;
  static bool is_told = false;
  if (__atomic_exchange_n(&is_told, true, __ATOMIC_RELAXED)) return;
  log(LogLevel::Warn,
      "native code has turned interrupts off (POPF, CLI), near 0x%llx: they are on again, but "
      "until then nothing "
      "could interrupt it",
      static_cast<unsigned long long>(frame->rip));
}

void kernel_exception(TrapFrame* frame, uint64_t address) {
  if (frame->vector == kPageFault && address < kUserEnd) {
    const FaultOutcome outcome = AddressSpace::handle_fault(address, access_of(frame->error));
    if (outcome == FaultOutcome::Resolved) return;
    if (outcome == FaultOutcome::OutOfMemory) {
      const bool may_wait = frame->rflags & kFlagInterrupt;
      if (may_wait && await_free_memory()) return;
      out_of_memory(frame, address);
    }
  }
  if (apply_fixup(frame) || end_contained_call(frame, address)) return;
  panic_with_frame(
      frame, frame->vector == kPageFault ? "page fault in the kernel" : "exception in the kernel");
}

void device_interrupt(const TrapFrame* frame) {
  end_halt();
  ++this_cpu().interrupts;
  lockup_note_interrupt(frame);
  count_interrupt(static_cast<unsigned>(frame->vector));
  switch (frame->vector) {
    case kTimerVector:
      apic_end_of_interrupt();
      alarm_fired();
      profile_tick(frame);
      run_timers();
      scheduler_tick();
      return;
    case kLegacyVectorBase + kConsoleInterrupt:
      console_interrupt();
      apic_end_of_interrupt();
      return;
    case kRescheduleVector:
      apic_end_of_interrupt();
      profile_tick(frame);  // a CPU's first one
      receive_reschedule();
      return;
    case kFlushVector:
      apic_end_of_interrupt();
      serve_flush();
      return;
    case kStopVector:
      stop_this_cpu();
    case kSpuriousVector:
      return;
    default:
      if (handle_device_interrupt(static_cast<unsigned>(frame->vector))) {
        apic_end_of_interrupt();
        return;
      }
      apic_end_of_interrupt();
      note_stray_interrupt(static_cast<unsigned>(frame->vector));
  }
}

}  // namespace

bool in_application(const TrapFrame* frame) {
  return static_cast<int64_t>(frame->rip) >= 0 ||
         (frame->rip >= reinterpret_cast<uint64_t>(gate_start) &&
          frame->rip < reinterpret_cast<uint64_t>(gate_end));
}

}  // namespace runtime

extern "C" void interrupt_dispatch(runtime::TrapFrame* frame) {
  using namespace runtime;
  const bool application = in_application(frame);
  const uint64_t address = frame->vector == kPageFault ? fault_address() : 0;
  if (application && Thread::current()) account_time(true);
  if (frame->vector < kExceptionCount) {
    if (application) {
      if (!(frame->rflags & kFlagInterrupt)) restore_interrupts(frame);
      ++this_cpu().exceptions;
      enable_interrupts();
      if (frame->vector == kPageFault) {
        application_page_fault(frame, address);
      } else {
        application_exception(frame);
      }
    } else {
      kernel_exception(frame, address);
    }
  } else {
    device_interrupt(frame);
  }
  if (application) prepare_return(frame);
}

extern "C" void fatal_exception(runtime::TrapFrame* frame) {
  using namespace runtime;
  switch (frame->vector) {
    case 2:
      if (lockup_take_non_maskable(frame)) {
        if (in_application(frame)) frame->rflags |= kFlagInterrupt;
        return;
      }
      panic_with_frame(frame, "non-maskable interrupt");
    case 8:
      panic_with_frame(frame, "double fault");
    default:
      panic_with_frame(frame, "machine check");
  }
}

extern "C" void wild_kernel_stack(runtime::TrapFrame* frame) {
  runtime::panic_with_frame(frame, "the kernel's stack pointer left its stack (overflow?)");
}
