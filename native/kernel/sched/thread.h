// Threads of the application and of the kernel.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "arch/x86_64/trap_frame.h"
#include "lib/list.h"
#include "lib/ref.h"
#include "lib/result.h"
#include "lib/types.h"
#include "linux/signals.h"
#include "sched/run_queue.h"
#include "sync/lock_order.h"
#include "time/timer.h"

namespace runtime {

constexpr size_t kKernelStackSize = 32 * 1024;

/// Alternate signal stack, sigaltstack(2).
struct SignalStack {
  uint64_t base = 0;
  uint64_t size = 0;
  bool is_set = false;
};

/// A fault as the CPU reported it, kept for the report: handlers that cannot help reset themselves
/// and raise the signal again, which loses the address.
struct FaultRecord {
  int signal = 0;
  int code = 0;
  uint64_t vector = 0;
  uint64_t error = 0;
  uint64_t rip = 0;
  uint64_t address = 0;
};

/// Per-thread signal state; guarded by the signal lock (linux/signals.cpp).
struct ThreadSignals {
  SignalSet mask = 0;
  SignalSet pending = 0;
  SignalInfo* info = nullptr;  // one slot per signal, allocated with the thread
  SignalQueue queued;          // real-time signals beyond those in `info`, oldest first
  SignalStack alternate;
  bool has_saved_mask = false;
  SignalSet saved_mask = 0;  // restored after the next handler (sigsuspend and friends)
  SignalSet waited_for = 0;  // rt_sigtimedwait
  FaultRecord last_fault;
};

class Thread : public RefCounted, public RunQueueEntry {
 public:
  enum class State : uint8_t { Runnable, Running, Sleeping, Moving, Dead };

  enum class Role : uint8_t { Ordinary, Idle, Kernel };

  /// Creates the record of a thread, without a kernel stack. Idle threads and the kernel's
  /// own have the id 0, others the next one that is at least `wanted_id`. Errors: NoMemory.
  static Result<RefPtr<Thread>> create(const char* name, Role role = Role::Ordinary,
                                       int wanted_id = 0);
  /// Errors: NoMemory.
  Result<void> allocate_kernel_stack();
  static Thread* current();

  int id() const { return id_; }
  char name[16] = {};

  // Scheduler's; guarded as sched/placement.h says.
  State state = State::Sleeping;
  unsigned cpu = 0;           // index of the CPU that runs it, will or did so last
  bool wake_pending = false;  // a wake-up came since Sleeper::prepare
  bool is_rung = false;       // see bell.h; atomic
  bool is_idle = false;
  bool sleeps_interruptibly = false;
  bool wakes_patiently = false;  // while it runs, those that are woken wait; see PatientWakes
  uint64_t run_started = 0;      // monotonic time at which it was last given the CPU
  uint64_t user_nanoseconds = 0;
  uint64_t system_nanoseconds = 0;
  uint64_t started = 0;
  uint64_t accounting_mark = 0;
  uint64_t byte_code_sleep = 0;  // nanoseconds that ACPI's byte code let it sleep
  HeldRanks held_mutexes;
  ListNode all_node;
  Timer sleep_timer;

  // CPU context.
  uint64_t kernel_stack_base = 0;
  uint64_t kernel_stack_top = 0;
  uint64_t saved_stack_pointer = 0;   // while not running
  uint64_t contained_call_stack = 0;  // where a fault continues (interrupts/contain.h); 0: nowhere
  uint64_t fs_base = 0;
  uint8_t* extended_state = nullptr;  // XSAVE area
  unsigned extended_state_cpu = ~0u;  // index of the CPU that loaded it last

  const TrapFrame* frozen_frame = nullptr;  // once it has stopped for warm/freeze.h

  // Linux personality.
  uint64_t clear_child_thread_id = 0;  // set_tid_address(2)
  uint64_t robust_list_head = 0;
  ThreadSignals signals;

 protected:
  ~Thread() override;

 private:
  explicit Thread(int id) : id_(id) {}
  int id_;
};

/// Finds a live thread by its id; empty when there is none.
RefPtr<Thread> find_thread(int id);
/// How many application threads live.
unsigned thread_count();

}  // namespace runtime
