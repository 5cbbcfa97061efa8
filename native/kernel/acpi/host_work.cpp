// ACPICA's host layer: deferred execution, sleeping, time.
//
// Two kernel threads run what ACPICA defers: one the handlers of events (byte code, which may take long or
// loop until ACPICA stops it), one the notifications. A notification is served while byte code runs.
#include "acpi/host.h"
#include "acpi/interpreter_call.h"
#include "arch/x86_64/ports.h"
#include "lib/list.h"
#include "lib/new.h"
#include "sched/scheduler.h"
#include "sched/scheduler_internal.h"
#include "sched/wait_queue.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

struct Work {
  acpi_osd_exec_callback function = nullptr;
  void* context = nullptr;
  ListNode node;
};

constexpr uint64_t kHundredNanoseconds = 100;
constexpr unsigned kMaximumWaiting = 256;

/// Work in the order in which it came, for one thread.
class WorkQueue {
 public:
  /// Errors: NoMemory; Again: too much waits already.
  Result<void> add(acpi_osd_exec_callback function, void* context) {
    Work* const work = new Work();
    if (!work) return Errno::NoMemory;
    work->function = function;
    work->context = context;
    const bool has_room = state_.with([work](State& state) {
      if (state.unfinished == kMaximumWaiting) return false;
      state.waiting.push_back(work);
      ++state.unfinished;
      return true;
    });
    if (!has_room) {
      delete work;
      return Errno::Again;
    }
    changed_.wake_all();
    return {};
  }

  [[noreturn]] void run() {
    for (;;) {
      Work* work = nullptr;
      changed_.wait(
          [this, &work] {
            work = state_.with([](State& state) { return state.waiting.pop_front(); });
            return work != nullptr;
          },
          Deadline::never(), false);
      (void)acpi_call(work->function, work->context);
      delete work;
      state_.with([](State& state) { --state.unfinished; });
      changed_.wake_all();
      acpi_yield();
    }
  }

  /// Waits until everything that was added is done.
  void drain() {
    changed_.wait([this] { return is_done(); }, Deadline::never(), false);
  }

 private:
  struct State {
    List<Work, &Work::node> waiting;
    unsigned unfinished = 0;  // including what runs
  };
  bool is_done() {
    return state_.with([](State& state) { return state.unfinished == 0; });
  }

  Locked<State> state_{LockRank::AcpiHardware};
  WaitQueue changed_;
};

WorkQueue events;
WorkQueue notifications;
Thread* workers[2] = {};  // they live for good

void run_queue(void* queue) { static_cast<WorkQueue*>(queue)->run(); }

bool start_worker(const char* name, WorkQueue* queue, Thread** worker) {
  Result<RefPtr<Thread>> created = create_kernel_thread(name, run_queue, queue);
  if (created.is_error()) return false;
  *worker = created.value().get();
  Scheduler::make_runnable(*worker);
  return true;
}

bool is_worker(const Thread* thread) { return thread == workers[0] || thread == workers[1]; }

}  // namespace

bool acpi_start_work_threads() {
  return start_worker("acpi events", &events, &workers[0]) &&
         start_worker("acpi notify", &notifications, &workers[1]);
}

}  // namespace runtime

acpi_status acpi_os_execute(acpi_execute_type type, acpi_osd_exec_callback function,
                            void* context) {
  using namespace runtime;
  if (!function) return AE_BAD_PARAMETER;
  WorkQueue& queue = type == OSL_NOTIFY_HANDLER ? notifications : events;
  const Result<void> added = queue.add(function, context);
  if (!added.is_error()) return AE_OK;
  return added.error() == Errno::NoMemory ? AE_NO_MEMORY : AE_LIMIT;
}

void acpi_os_wait_events_complete(void) {
  using namespace runtime;
  if (is_worker(Thread::current())) return;  // it would wait for itself
  events.drain();
  notifications.drain();
}

void acpi_os_sleep(u64 milliseconds) {
  using namespace runtime;
  const uint64_t longest = UINT64_MAX / kNanosecondsPerMillisecond;
  const Deadline deadline =
      Deadline::after(min_of<uint64_t>(milliseconds, longest) * kNanosecondsPerMillisecond);
  const uint64_t began = monotonic_nanoseconds();
  WaitQueue nobody_wakes;
  nobody_wakes.wait([] { return false; }, deadline, false);
  Thread::current()->byte_code_sleep += monotonic_nanoseconds() - began;
}

void acpi_os_stall(u32 microseconds) {
  using namespace runtime;
  const Deadline deadline = Deadline::after(microseconds * 1000ull);
  while (!deadline.has_passed()) cpu_relax();
  acpi_yield();
}

u64 acpi_os_get_timer(void) {
  return runtime::monotonic_nanoseconds() / runtime::kHundredNanoseconds;
}

/// What ACPICA asks instead of acpi_os_get_timer() where it limits loops (dscontrol.c): the CPU time of the
/// thread and the sleeps that its byte code asked for. Beside a busy app, loops take long by the clock.
extern "C" u64 acpi_os_get_loop_timer(void) {
  using namespace runtime;
  const Thread& thread = *Thread::current();
  const uint64_t since_charged = monotonic_nanoseconds() - thread.run_started;
  return (thread.system_nanoseconds + since_charged + thread.byte_code_sleep) / kHundredNanoseconds;
}
