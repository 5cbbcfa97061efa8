#include "sched/thread.h"

#include "arch/x86_64/cpu.h"
#include "interrupts/apic.h"
#include "lib/format.h"
#include "lib/new.h"
#include "lib/string.h"
#include "linux/process_info.h"
#include "memory/address_space.h"
#include "memory/frames.h"
#include "sched/scheduler.h"
#include "sched/scheduler_internal.h"
#include "sync/spinlock.h"

extern "C" void thread_first_return();
extern "C" void kernel_thread_first_call();

namespace runtime {

namespace {

constexpr size_t kStackPages = kKernelStackSize / kPageSize;

struct ThreadTable {
  List<Thread, &Thread::all_node> threads;  // by id, lowest first
  unsigned count = 0;
  int next_id = kProcessId;
};
Locked<ThreadTable> thread_table(LockRank::Scheduler);

/// What `switch_stacks` pops: callee-saved registers, then the address to go to.
struct SwitchFrame {
  uint64_t r15, r14, r13, r12, rbx, rbp;
  uint64_t return_address;
};

unsigned extended_state_order() {
  unsigned order = 0;
  while ((kPageSize << order) < extended_state_size()) ++order;
  return order;
}

void sleep_timer_fired(Timer* timer) {
  Scheduler::make_runnable(static_cast<Thread*>(timer->context));
}

}  // namespace

Result<RefPtr<Thread>> Thread::create(const char* name, Role role, int wanted_id) {
  const int id = role != Role::Ordinary ? 0 : thread_table.with([wanted_id](ThreadTable& table) {
    const int chosen = max_of(wanted_id, table.next_id);
    table.next_id = chosen + 1;
    return chosen;
  });
  RefPtr<Thread> thread = RefPtr<Thread>::adopt(new Thread(id));
  if (!thread) return Errno::NoMemory;
  const size_t length = min_of(strlen(name), sizeof(thread->name) - 1);
  memcpy(thread->name, name, length);
  thread->started = monotonic_nanoseconds();
  thread->sleep_timer.callback = sleep_timer_fired;
  thread->sleep_timer.context = thread.get();
  thread->signals.info =
      static_cast<SignalInfo*>(allocate(sizeof(SignalInfo) * (kSignalCount + 1)));
  if (!thread->signals.info) return Errno::NoMemory;
  return thread;
}

Result<void> Thread::allocate_kernel_stack() {
  Result<uint64_t> stack = map_kernel_stack(kStackPages);
  if (stack.is_error()) return stack.error();
  kernel_stack_base = stack.value();
  kernel_stack_top = stack.value() + kKernelStackSize;
  return {};
}

Thread::~Thread() {
  if (kernel_stack_base) unmap_kernel_stack(kernel_stack_base, kStackPages);
  if (extended_state) free_frames(virt_to_phys(extended_state), extended_state_order());
  while (QueuedSignal* queued = signals.queued.pop_front()) delete queued;
  deallocate(signals.info);
}

Thread* Thread::current() { return this_cpu().current; }

Result<RefPtr<Thread>> create_application_thread(const char* name, const TrapFrame& frame,
                                                 int wanted_id) {
  Result<RefPtr<Thread>> created = Thread::create(name, Thread::Role::Ordinary, wanted_id);
  if (created.is_error()) return created;
  Thread* thread = created.value().get();
  Result<void> stack = thread->allocate_kernel_stack();
  if (stack.is_error()) return stack.error();
  Result<PhysAddr> state = allocate_frames(extended_state_order());
  if (state.is_error()) return state.error();
  thread->extended_state = static_cast<uint8_t*>(phys_to_virt(state.value()));
  reset_extended_state(thread->extended_state);

  TrapFrame* home = reinterpret_cast<TrapFrame*>(thread->kernel_stack_top) - 1;
  *home = frame;
  SwitchFrame* start = reinterpret_cast<SwitchFrame*>(home) - 1;
  memset(start, 0, sizeof(*start));
  start->return_address = reinterpret_cast<uint64_t>(thread_first_return);
  thread->saved_stack_pointer = reinterpret_cast<uint64_t>(start);

  thread->retain();  // the table's and the scheduler's reference, dropped when the thread ends
  thread_table.with([thread](ThreadTable& table) {
    table.threads.push_back(thread);
    ++table.count;
  });
  return created;
}

Result<RefPtr<Thread>> create_kernel_thread(const char* name, void (*function)(void* argument),
                                            void* argument) {
  Result<RefPtr<Thread>> created = Thread::create(name, Thread::Role::Kernel);
  if (created.is_error()) return created;
  Thread* thread = created.value().get();
  Result<void> stack = thread->allocate_kernel_stack();
  if (stack.is_error()) return stack.error();
  // The call finds the stack aligned as the ABI wants it, and a frame pointer that ends backtraces.
  SwitchFrame* start = reinterpret_cast<SwitchFrame*>(thread->kernel_stack_top - 16) - 1;
  memset(start, 0, sizeof(*start));
  start->r12 = reinterpret_cast<uint64_t>(function);
  start->r13 = reinterpret_cast<uint64_t>(argument);
  start->return_address = reinterpret_cast<uint64_t>(kernel_thread_first_call);
  thread->saved_stack_pointer = reinterpret_cast<uint64_t>(start);
  thread->retain();  // the scheduler's reference, dropped when the thread ends
  return created;
}

void yield_if_wanted() {
  if (interrupts_enabled() && Scheduler::needs_reschedule()) Scheduler::yield();
}

bool prepare_idle_thread(CpuLocal& cpu) {
  Result<RefPtr<Thread>> idle = Thread::create("idle", Thread::Role::Idle);
  if (idle.is_error()) return false;
  Thread* thread = idle.value().get();
  thread->retain();
  thread->is_idle = true;
  thread->state = Thread::State::Running;
  thread->kernel_stack_base = cpu.kernel_stack_base;
  thread->kernel_stack_top = cpu.kernel_stack_top;
  cpu.idle = cpu.current = thread;
  return true;
}

void scheduler_initialise() {
  // The boot flow goes on as the idle thread on the stack that it has.
  RUNTIME_ASSERT(prepare_idle_thread(this_cpu()));
  this_cpu().apic_id = apic_id();
  join_scheduler(this_cpu());
}

void forget_thread(Thread* thread) {
  thread_table.with([thread](ThreadTable& table) {
    thread->all_node.unlink();
    --table.count;
  });
}

RefPtr<Thread> find_thread(int id) {
  return thread_table.with([id](ThreadTable& table) {
    RefPtr<Thread> found;
    table.threads.for_each([&](Thread* thread) {
      if (thread->id() == id) found = RefPtr<Thread>(thread);
    });
    return found;
  });
}

unsigned thread_count() {
  return thread_table.with([](ThreadTable& table) { return table.count; });
}

bool next_thread(int from, ThreadInfo* info) {
  return thread_table.with([=](ThreadTable& table) {
    bool found = false;
    table.threads.for_each([&](Thread* thread) {
      if (found || thread->id() < from) return;
      found = true;
      info->id = thread->id();
      format(info->name, sizeof(info->name), "%s", thread->name);
      info->state = thread->state == Thread::State::Sleeping ? 'S' : 'R';
      info->nice = thread->nice;
      info->user_nanoseconds = thread->user_nanoseconds;
      info->system_nanoseconds = thread->system_nanoseconds;
      info->started_nanoseconds = thread->started;
    });
    return found;
  });
}

void account_time(bool in_application) {
  Thread* thread = this_cpu().current;
  const uint64_t now = monotonic_nanoseconds();
  const uint64_t used = now - thread->accounting_mark;
  thread->accounting_mark = now;
  if (in_application) {
    thread->user_nanoseconds += used;
    this_cpu().user_nanoseconds += used;
  } else {
    thread->system_nanoseconds += used;
    this_cpu().system_nanoseconds += used;
  }
}

}  // namespace runtime

extern "C" void kernel_thread_ended() { runtime::Scheduler::exit_thread(); }
