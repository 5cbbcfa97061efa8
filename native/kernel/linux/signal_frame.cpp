// The frame that a handler runs on, as the x86-64 ABI of Linux has it: asm/sigcontext.h, asm/ucontext.h.
#include "arch/x86_64/cpu.h"
#include "lib/string.h"
#include "linux/signals_internal.h"
#include "sched/thread.h"

namespace runtime {

namespace {

/// struct sigcontext.
struct MachineContext {
  uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
  uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
  uint16_t cs, gs, fs, ss;
  uint64_t error, trap, old_mask, cr2;
  uint64_t extended_state;
  uint64_t reserved[8];
};

/// struct ucontext.
struct UserContext {
  uint64_t flags;
  uint64_t link;
  uint64_t stack_base;
  int32_t stack_flags;
  int32_t padding;
  uint64_t stack_size;
  MachineContext machine;
  SignalSet mask;
};

struct SignalFrame {
  uint64_t return_address;
  UserContext context;
  SignalInfo info;
};

constexpr uint64_t kContextXstate = 1;
constexpr uint64_t kContextStackSegment = 2 | 4;
constexpr size_t kRedZone = 128;
constexpr size_t kSoftwareReserved = 464;  // struct _fpx_sw_bytes inside the FXSAVE area
constexpr uint32_t kXstateMagic1 = 0x46505853;
constexpr uint32_t kXstateMagic2 = 0x46505845;
constexpr int32_t kStackOnStack = 1;
constexpr int32_t kStackDisabled = 2;
/// Flags that an application may choose: arithmetic, trap, direction, nested task, resume, alignment.
constexpr uint64_t kChangeableFlags = 0x50dd5;

struct SoftwareBytes {
  uint32_t magic;
  uint32_t extended_size;
  uint64_t features;
  uint32_t state_size;
  uint32_t padding[7];
};

bool is_on_alternate_stack(const SignalStack& stack, uint64_t stack_pointer) {
  return stack.is_set && stack_pointer > stack.base && stack_pointer - stack.base <= stack.size;
}

Result<void> push_extended_state(Thread* thread, uint64_t* stack_pointer) {
  const size_t size = extended_state_size();
  const bool has_xsave = extended_state_features() != 0;
  uint8_t* area = thread->extended_state;
  save_extended_state(area);
  SoftwareBytes software;
  memset(&software, 0, sizeof(software));
  if (has_xsave) {
    software.magic = kXstateMagic1;
    software.extended_size = static_cast<uint32_t>(size + sizeof(kXstateMagic2));
    software.features = extended_state_features();
    software.state_size = static_cast<uint32_t>(size);
  }
  memcpy(area + kSoftwareReserved, &software, sizeof(software));
  *stack_pointer = align_down(*stack_pointer - size - sizeof(kXstateMagic2), 64);
  Result<void> copied = copy_to_user(*stack_pointer, area, size);
  if (copied.is_error()) return copied;
  if (has_xsave)
    copied = copy_to_user(*stack_pointer + size, &kXstateMagic2, sizeof(kXstateMagic2));
  return copied;
}

Result<void> pop_extended_state(Thread* thread, uint64_t address) {
  uint8_t* area = thread->extended_state;
  if (address == 0) {
    reset_extended_state(area);
  } else {
    const bool has_xsave = extended_state_features() != 0;
    Result<void> copied = copy_from_user(area, address, 512);
    if (copied.is_error()) return copied;
    SoftwareBytes software;
    memcpy(&software, area + kSoftwareReserved, sizeof(software));
    if (has_xsave) {
      if (software.magic == kXstateMagic1 && software.state_size == extended_state_size()) {
        copied = copy_from_user(area + 512, address + 512, extended_state_size() - 512);
        if (copied.is_error()) return copied;
      } else {
        memset(area + 512, 0, extended_state_size() - 512);
        *reinterpret_cast<uint64_t*>(area + 512) = 3;
      }
    }
    sanitise_extended_state(area);
  }
  restore_extended_state(area);
  return {};
}

}  // namespace

Result<void> push_signal_frame(TrapFrame* frame, int signal, const SignalAction& action,
                               const SignalInfo& info, SignalSet mask_to_restore) {
  Thread* thread = Thread::current();
  const SignalStack& alternate = thread->signals.alternate;
  uint64_t stack_pointer = frame->rsp - kRedZone;
  const bool was_on_alternate = is_on_alternate_stack(alternate, frame->rsp);
  if ((action.flags & kActionOnStack) && alternate.is_set && !was_on_alternate)
    stack_pointer = alternate.base + alternate.size;
  Result<void> saved = push_extended_state(thread, &stack_pointer);
  if (saved.is_error()) return saved;
  const uint64_t extended_state = stack_pointer;
  stack_pointer = align_down(stack_pointer - sizeof(SignalFrame), 16) - 8;

  SignalFrame out;
  memset(&out, 0, sizeof(out));
  out.return_address = action.restorer;
  out.context.flags = kContextStackSegment | (extended_state_features() ? kContextXstate : 0);
  out.context.stack_base = alternate.base;
  out.context.stack_size = alternate.size;
  out.context.stack_flags =
      !alternate.is_set ? kStackDisabled : (was_on_alternate ? kStackOnStack : 0);
  MachineContext& machine = out.context.machine;
  machine.r8 = frame->r8;
  machine.r9 = frame->r9;
  machine.r10 = frame->r10;
  machine.r11 = frame->r11;
  machine.r12 = frame->r12;
  machine.r13 = frame->r13;
  machine.r14 = frame->r14;
  machine.r15 = frame->r15;
  machine.rdi = frame->rdi;
  machine.rsi = frame->rsi;
  machine.rbp = frame->rbp;
  machine.rbx = frame->rbx;
  machine.rdx = frame->rdx;
  machine.rax = frame->rax;
  machine.rcx = frame->rcx;
  machine.rsp = frame->rsp;
  machine.rip = frame->rip;
  machine.rflags = frame->rflags;
  machine.cs = 0x33;  // what Linux shows for 64-bit code; ours is ring 0 and not for changing
  machine.ss = 0x2b;
  if (frame->vector < 32) {
    machine.trap = frame->vector;
    machine.error = frame->error | (frame->vector == 14 ? 4 : 0);
    if (frame->vector == 14) machine.cr2 = info.fault.address;
  }
  machine.extended_state = extended_state;
  machine.old_mask = mask_to_restore;
  out.context.mask = mask_to_restore;
  out.info = info;
  out.info.signal = signal;
  Result<void> copied = copy_to_user(stack_pointer, &out, sizeof(out));
  if (copied.is_error()) return copied;

  reset_extended_state(thread->extended_state);
  restore_extended_state(thread->extended_state);
  frame->rdi = static_cast<uint64_t>(signal);
  frame->rsi = stack_pointer + offsetof(SignalFrame, info);
  frame->rdx = stack_pointer + offsetof(SignalFrame, context);
  frame->rax = 0;
  frame->rsp = stack_pointer;
  frame->rip = action.handler;
  frame->rflags &= ~(kFlagDirection | kFlagTrap);
  return {};
}

Result<void> pop_signal_frame(TrapFrame* frame) {
  Thread* thread = Thread::current();
  // The handler's return took the return address off the stack.
  const uint64_t start = frame->rsp - sizeof(uint64_t);
  SignalFrame in;
  Result<void> copied = copy_from_user(&in, start, sizeof(in));
  if (copied.is_error()) return copied;
  const MachineContext& machine = in.context.machine;
  if (machine.rip >= kUserEnd) return Errno::Fault;
  Result<void> restored = pop_extended_state(thread, machine.extended_state);
  if (restored.is_error()) return restored;
  frame->r8 = machine.r8;
  frame->r9 = machine.r9;
  frame->r10 = machine.r10;
  frame->r11 = machine.r11;
  frame->r12 = machine.r12;
  frame->r13 = machine.r13;
  frame->r14 = machine.r14;
  frame->r15 = machine.r15;
  frame->rdi = machine.rdi;
  frame->rsi = machine.rsi;
  frame->rbp = machine.rbp;
  frame->rbx = machine.rbx;
  frame->rdx = machine.rdx;
  frame->rax = machine.rax;
  frame->rcx = machine.rcx;
  frame->rsp = machine.rsp;
  frame->rip = machine.rip;
  frame->rflags = (machine.rflags & kChangeableFlags) | kFlagInterrupt | 2;
  frame->vector = 0;
  set_signal_mask(in.context.mask);
  return {};
}

}  // namespace runtime
