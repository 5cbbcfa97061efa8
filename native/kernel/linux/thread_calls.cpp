// Thread and scheduling system calls: clone(2), exit(2), prctl(2), arch_prctl(2), sched_*(2).
#include "arch/x86_64/cpu.h"
#include "boot/crash.h"
#include "boot/exit_status.h"
#include "broker/broker.h"
#include "lib/format.h"
#include "linux/futex.h"
#include "linux/process_info.h"
#include "linux/signals_internal.h"
#include "linux/system_calls.h"
#include "sched/scheduler.h"
#include "sched/scheduler_internal.h"
#include "sched/thread.h"
#include "smp/cpus.h"
#include "smp/shootdown.h"
#include "terminal/terminal.h"

namespace runtime {

namespace {

constexpr uint64_t kCloneMemory = 0x100;
constexpr uint64_t kCloneSignalHandlers = 0x800;
constexpr uint64_t kCloneThread = 0x10000;
constexpr uint64_t kCloneSetThreadPointer = 0x80000;
constexpr uint64_t kCloneParentSetId = 0x100000;
constexpr uint64_t kCloneChildClearId = 0x200000;
constexpr uint64_t kCloneChildSetId = 0x1000000;

constexpr int kArchSetGs = 0x1001;
constexpr int kArchSetFs = 0x1002;
constexpr int kArchGetFs = 0x1003;
constexpr int kArchGetGs = 0x1004;

constexpr int kPrctlSetDeathSignal = 1;
constexpr int kPrctlGetDumpable = 3;
constexpr int kPrctlSetDumpable = 4;
constexpr int kPrctlSetName = 15;
constexpr int kPrctlGetName = 16;
constexpr int kPrctlSetNoNewPrivileges = 38;
constexpr int kPrctlGetNoNewPrivileges = 39;
constexpr int kPrctlSetMemoryName = 0x53564d41;

constexpr int kMembarrierQuery = 0;
constexpr int kMembarrierGlobal = 1;
constexpr int kMembarrierGlobalExpedited = 2;
constexpr int kMembarrierRegisterGlobalExpedited = 4;
constexpr int kMembarrierPrivateExpedited = 8;
constexpr int kMembarrierRegisterPrivateExpedited = 16;

constexpr int kPriorityProcess = 0;
constexpr int kNiceLowest = 19;
constexpr int kNiceHighest = -20;

bool no_new_privileges = false;

Result<uint64_t> one_process_only(const char* call) {
  log(LogLevel::Debug, "%s: a unikernel has one process; use worker_threads", call);
  return Errno::NotImplemented;
}

RefPtr<Thread> thread_or_caller(int id) {
  return id == 0 ? RefPtr<Thread>(Thread::current()) : find_thread(id);
}

[[noreturn]] void end_application(int status) {
  const int code = status & 0xff;
  terminals_finish();
  if (code != 0) {
    log(LogLevel::Error, "the app ended with exit code %d", code);
    report_memory_figures();
  }
  end_machine(code, "exit");
}

}  // namespace

Result<uint64_t> sys_sched_yield() {
  Scheduler::yield();
  return 0;
}

Result<uint64_t> sys_clone(uint64_t flags, uint64_t stack, UserPtr<int> parent_thread_id,
                           UserPtr<int> child_thread_id, uint64_t thread_pointer) {
  constexpr uint64_t kNeeded = kCloneMemory | kCloneThread | kCloneSignalHandlers;
  if ((flags & kCloneThread) && !(flags & kCloneSignalHandlers)) return Errno::Invalid;
  if ((flags & kCloneSignalHandlers) && !(flags & kCloneMemory)) return Errno::Invalid;
  if ((flags & kNeeded) != kNeeded) return one_process_only("clone without CLONE_THREAD");
  if (stack == 0) return Errno::Invalid;
  Thread* parent = Thread::current();
  TrapFrame frame = *entry_frame();
  frame.rsp = stack;
  frame.rax = 0;
  frame.vector = 0;
  Result<RefPtr<Thread>> created = create_application_thread(parent->name, frame);
  if (created.is_error())
    return created.error() == Errno::NoMemory ? Errno::Again : created.error();
  Thread* child = created.value().get();
  Scheduler::inherit(child);
  child->signals.mask = parent->signals.mask;
  child->fs_base = flags & kCloneSetThreadPointer ? thread_pointer : parent->fs_base;
  // The child starts with its parent's extended state, as after a call.
  save_extended_state(parent->extended_state);
  memcpy(child->extended_state, parent->extended_state, extended_state_size());
  const int id = child->id();
  if (flags & kCloneChildClearId) child->clear_child_thread_id = child_thread_id.address();
  Result<void> written;
  if (flags & kCloneParentSetId) written = parent_thread_id.write(id);
  if (!written.is_error() && (flags & kCloneChildSetId)) written = child_thread_id.write(id);
  if (written.is_error()) {
    forget_thread(child);
    child->release();
    return written.error();
  }
  Scheduler::make_runnable(child);
  return static_cast<uint64_t>(id);
}

Result<uint64_t> sys_fork() { return one_process_only("fork"); }
Result<uint64_t> sys_vfork() { return one_process_only("vfork"); }

Result<uint64_t> sys_execve(UserString, UserPtr<uint64_t>, UserPtr<uint64_t>) {
  return one_process_only("execve");
}

Result<uint64_t> sys_wait4(int, UserPtr<int>, int, UserPtr<void>) { return Errno::NoChild; }
Result<uint64_t> sys_waitid(int, int, UserPtr<void>, int, UserPtr<void>) { return Errno::NoChild; }

Result<uint64_t> sys_exit(int status) {
  Thread* thread = Thread::current();
  futex_thread_exit(thread);
  forget_thread(thread);
  if (thread_count() == 0) end_application(status);
  Scheduler::exit_thread();
}

Result<uint64_t> sys_exit_group(int status) {
  // Elsewhere the system sends what a process leaves behind; here it ends with the process.
  broker_finish_sending();
  end_application(status);
}

Result<uint64_t> sys_gettid() { return static_cast<uint64_t>(Thread::current()->id()); }

Result<uint64_t> sys_set_tid_address(UserPtr<int> address) {
  Thread::current()->clear_child_thread_id = address.address();
  return static_cast<uint64_t>(Thread::current()->id());
}

Result<uint64_t> sys_arch_prctl(int operation, uint64_t address) {
  Thread* thread = Thread::current();
  switch (operation) {
    case kArchSetFs:
      if (address >= kUserEnd) return Errno::Perm;
      thread->fs_base = address;
      write_msr(kMsrFsBase, address);
      return 0;
    case kArchGetFs: {
      Result<void> written = UserPtr<uint64_t>(address).write(thread->fs_base);
      if (written.is_error()) return written.error();
      return 0;
    }
    case kArchSetGs:  // GS is the kernel's
    case kArchGetGs:
    default:
      return Errno::Invalid;
  }
}

Result<uint64_t> sys_prctl(int operation, uint64_t argument2, uint64_t argument3,
                           uint64_t argument4, uint64_t argument5) {
  (void)argument3;
  (void)argument4;
  (void)argument5;
  Thread* thread = Thread::current();
  switch (operation) {
    case kPrctlSetName: {
      char name[sizeof(thread->name)] = {};
      for (size_t i = 0; i + 1 < sizeof(name); ++i) {
        Result<char> letter = UserPtr<char>(argument2 + i).read();
        if (letter.is_error()) return letter.error();
        name[i] = letter.value();
        if (!name[i]) break;
      }
      memcpy(thread->name, name, sizeof(name));
      return 0;
    }
    case kPrctlGetName: {
      Result<void> written = copy_to_user(argument2, thread->name, sizeof(thread->name));
      if (written.is_error()) return written.error();
      return 0;
    }
    case kPrctlSetDeathSignal:  // there is no parent that could die
    case kPrctlSetDumpable:
    case kPrctlSetMemoryName:
      return 0;
    case kPrctlGetDumpable:
      return 0;
    case kPrctlSetNoNewPrivileges:
      if (argument2 != 1) return Errno::Invalid;
      no_new_privileges = true;
      return 0;
    case kPrctlGetNoNewPrivileges:
      return no_new_privileges ? 1 : 0;
    default:
      return Errno::Invalid;
  }
}

Result<uint64_t> sys_getpriority(int which, int who) {
  if (which != kPriorityProcess) return Errno::Invalid;
  RefPtr<Thread> thread = thread_or_caller(who);
  if (!thread) return Errno::NoProcess;
  // The system call returns 20 - nice, so that it is never negative; the C library turns it back.
  return static_cast<uint64_t>(20 - thread->nice);
}

Result<uint64_t> sys_setpriority(int which, int who, int priority) {
  if (which != kPriorityProcess) return Errno::Invalid;
  RefPtr<Thread> thread = thread_or_caller(who);
  if (!thread) return Errno::NoProcess;
  Scheduler::set_nice(thread.get(), min_of(max_of(priority, kNiceHighest), kNiceLowest));
  return 0;
}

Result<uint64_t> sys_sched_getparam(int thread, UserPtr<int> parameter) {
  if (!thread_or_caller(thread)) return Errno::NoProcess;
  Result<void> written = parameter.write(0);
  if (written.is_error()) return written.error();
  return 0;
}

Result<uint64_t> sys_sched_setscheduler(int thread, int policy, UserPtr<int> parameter) {
  if (!thread_or_caller(thread)) return Errno::NoProcess;
  Result<int> priority = parameter.read();
  if (priority.is_error()) return priority.error();
  // SCHED_OTHER, SCHED_BATCH and SCHED_IDLE have the one priority 0; there are no real-time classes.
  if (policy != 0 && policy != 3 && policy != 5) return Errno::Perm;
  if (priority.value() != 0) return Errno::Invalid;
  return 0;
}

Result<uint64_t> sys_sched_getscheduler(int thread) {
  if (!thread_or_caller(thread)) return Errno::NoProcess;
  return 0;
}

Result<uint64_t> sys_sched_get_priority_max(int policy) {
  if (policy == 1 || policy == 2) return 99;
  if (policy == 0 || policy == 3 || policy == 5) return 0;
  return Errno::Invalid;
}

Result<uint64_t> sys_sched_get_priority_min(int policy) {
  if (policy == 1 || policy == 2) return 1;
  if (policy == 0 || policy == 3 || policy == 5) return 0;
  return Errno::Invalid;
}

Result<uint64_t> sys_sched_setaffinity(int id, uint64_t size, UserPtr<void> mask) {
  RefPtr<Thread> thread = thread_or_caller(id);
  if (!thread) return Errno::NoProcess;
  uint64_t wanted = 0;
  Result<void> read = copy_from_user(&wanted, mask.address(), min_of<uint64_t>(size, 8));
  if (read.is_error()) return read.error();
  if ((wanted & cpu_mask()) == 0) return Errno::Invalid;
  Scheduler::set_affinity(thread.get(), wanted);
  return 0;
}

Result<uint64_t> sys_sched_getaffinity(int id, uint64_t size, UserPtr<void> mask) {
  RefPtr<Thread> thread = thread_or_caller(id);
  if (!thread) return Errno::NoProcess;
  if (size < 8 || size % 8) return Errno::Invalid;
  Result<void> written = mask.cast<uint64_t>().write(thread->affinity & cpu_mask());
  if (written.is_error()) return written.error();
  return 8;
}

Result<uint64_t> sys_getcpu(UserPtr<uint32_t> cpu, UserPtr<uint32_t> node, UserPtr<void>) {
  Result<void> written;
  if (cpu) written = cpu.write(this_cpu().index);
  if (!written.is_error() && node) written = node.write(0);
  if (written.is_error()) return written.error();
  return 0;
}

Result<uint64_t> sys_membarrier(int command, uint32_t flags, int) {
  if (flags) return Errno::Invalid;
  switch (command) {
    case kMembarrierQuery:
      return kMembarrierGlobal | kMembarrierGlobalExpedited | kMembarrierRegisterGlobalExpedited |
             kMembarrierPrivateExpedited | kMembarrierRegisterPrivateExpedited;
    case kMembarrierGlobal:
    case kMembarrierGlobalExpedited:
    case kMembarrierPrivateExpedited:
      // Every CPU runs through an interrupt's handler, which orders memory.
      membarrier_everywhere();
      return 0;
    case kMembarrierRegisterGlobalExpedited:
    case kMembarrierRegisterPrivateExpedited:
      return 0;
    default:
      return Errno::Invalid;
  }
}

}  // namespace runtime
