#include "acpi/interpreter.h"

#include "acpi/events.h"
#include "acpi/fixed_button.h"
#include "acpi/host.h"
#include "acpi/interpreter_call.h"
#include "acpi/interrupt_routing.h"
#include "acpi/power.h"
#include "acpi/tables.h"
#include "acpi/view.h"
#include "lib/format.h"
#include "platform/pci.h"
#include "sched/scheduler.h"
#include "sched/scheduler_internal.h"
#include "sched/wait_queue.h"
#include "time/timer.h"

namespace runtime {

namespace {

/// The CPU was busy all the time since the app started: ACPI's turn has come.
constexpr uint64_t kLatestStart = 3 * kNanosecondsPerSecond;
constexpr int kLowestPriority = 19;
/// Byte code that loops longer is stopped by ACPICA (acpi_os_get_loop_timer() measures it).
constexpr uint32_t kLongestLoopSeconds = 5;
constexpr uint32_t kInitialTables = 16;
/// \_PIC's argument: interrupts come through I/O APICs (ACPI 6.5, 5.8.1).
constexpr uint64_t kApicMode = 1;

enum class State : uint32_t { Waiting, Loading, Ready, Failed };

State state = State::Waiting;
bool is_started = false;
bool leaves_byte_code = false;
Thread* loader = nullptr;  // ends when the work is done
Timer latest_start;
WaitQueue state_changed;

State current_state() { return __atomic_load_n(&state, __ATOMIC_ACQUIRE); }

bool is_finished() {
  return current_state() == State::Failed || acpi_is_abandoned() ||
         (current_state() == State::Ready && acpi_interrupt_routing_is_read());
}

/// What ACPICA reads with a lock held must be mapped before: only the first time takes locks of its own.
void view_registers() {
  const acpi_generic_address* const registers[] = {
      &acpi_gbl_FADT.xpm1a_event_block,   &acpi_gbl_FADT.xpm1b_event_block,
      &acpi_gbl_FADT.xpm1a_control_block, &acpi_gbl_FADT.xpm1b_control_block,
      &acpi_gbl_FADT.xpm2_control_block,  &acpi_gbl_FADT.xpm_timer_block,
      &acpi_gbl_FADT.xgpe0_block,         &acpi_gbl_FADT.xgpe1_block,
      &acpi_gbl_FADT.sleep_control,       &acpi_gbl_FADT.sleep_status,
  };
  for (const acpi_generic_address* address : registers)
    if (address->space_id == ACPI_ADR_SPACE_SYSTEM_MEMORY && address->address != 0)
      (void)view_firmware(PhysAddr(address->address), kPageSize);
}

/// Tells the byte code that interrupts come through I/O APICs. Firmware need not care.
acpi_status choose_apic_mode() {
  union acpi_object argument;
  argument.type = ACPI_TYPE_INTEGER;
  argument.integer.value = kApicMode;
  struct acpi_object_list arguments = {1, &argument};
  char name[] = "\\_PIC";
  const acpi_status status = acpi_evaluate_object(nullptr, name, &arguments, nullptr);
  return status == AE_NOT_FOUND ? AE_OK : status;
}

struct Step {
  const char* what;
  acpi_status (*run)();
  bool is_vital;
};

const Step kSteps[] = {
    {"starting ACPICA", [] { return acpi_initialize_subsystem(); }, true},
    {"reading the tables", [] { return acpi_initialize_tables(nullptr, kInitialTables, FALSE); },
     true},
    {"loading the byte code",
     [] {
       view_registers();
       return acpi_load_tables();
     },
     true},
    {"turning events on", [] { return acpi_enable_subsystem(ACPI_FULL_INITIALIZATION); }, true},
    {"listening to the sleep button",
     [] {
       acpi_listen_to_sleep_button();
       return acpi_status(AE_OK);
     },
     false},
    {"choosing the interrupt controller", choose_apic_mode, false},
    {"initialising devices", [] { return acpi_initialize_objects(ACPI_FULL_INITIALIZATION); },
     false},
    {"enabling general purpose events", [] { return acpi_update_all_gpes(); }, false},
};

/// One step, with what came of it.
struct StepRun {
  const Step* step;
  acpi_status status;
};

void run_step(void* argument) {
  StepRun* const run = static_cast<StepRun*>(argument);
  run->status = run->step->run();
}

bool run_steps() {
  if (acpi_root_pointer().value == 0) return false;  // said at boot
  (void)pci_function_count();  // byte code reaches configuration space, which must have been opened
  acpi_gbl_max_loop_iterations = kLongestLoopSeconds;
  for (const Step& step : kSteps) {
    StepRun run = {&step, AE_ERROR};
    const bool has_returned = acpi_call(run_step, &run);
    if (has_returned && run.status == AE_OK) continue;
    log(LogLevel::Warn, "ACPI: %s failed (%s)", step.what,
        has_returned ? acpi_format_exception(run.status) : "a fault");
    if (step.is_vital || !has_returned) return false;
  }
  return true;
}

void listen(void*) { acpi_listen_to_devices(); }

void read_routing(void*) { acpi_read_interrupt_routing(); }

void prepare_soft_off(void* argument) {
  *static_cast<acpi_status*>(argument) = acpi_enter_sleep_state_prep(ACPI_STATE_S5);
}

void load(void*) {
  const uint64_t started = monotonic_nanoseconds();
  const bool is_loaded =
      !leaves_byte_code && acpi_start_work_threads() && run_steps() && acpi_call(listen, nullptr);
  if (is_loaded) {
    log(LogLevel::Debug, "ACPI: byte code loaded in %llu us, begun %llu ms after boot",
        static_cast<unsigned long long>((monotonic_nanoseconds() - started) / 1000),
        static_cast<unsigned long long>(started / kNanosecondsPerMillisecond));
  }
  __atomic_store_n(&state, is_loaded ? State::Ready : State::Failed, __ATOMIC_RELEASE);
  if (!is_loaded) fixed_button_listen_alone();
  const bool has_routes = is_loaded && acpi_call(read_routing, nullptr);
  state_changed.wake_all();
  if (has_routes) pci_check_line_interrupts();
}

}  // namespace

void acpi_leave_byte_code() { leaves_byte_code = true; }

void acpi_interpreter_prepare() {
  fixed_button_latch();
  Result<RefPtr<Thread>> created = create_kernel_thread("acpi", load, nullptr);
  if (created.is_error()) {
    log(LogLevel::Warn, "ACPI: no memory for its thread; the power button will not work");
    state = State::Failed;
    return;
  }
  loader = created.value().get();
  loader->retain();  // it may be asked to hurry when it has just ended
  loader->nice = kLowestPriority;
  latest_start.callback = [](Timer*) { acpi_interpreter_start(); };
  start_timer(&latest_start, Deadline::after(kLatestStart));
}

void acpi_interpreter_start() {
  if (!loader || __atomic_exchange_n(&is_started, true, __ATOMIC_ACQ_REL)) return;
  cancel_timer(&latest_start);
  State expected = State::Waiting;
  __atomic_compare_exchange_n(&state, &expected, State::Loading, false, __ATOMIC_ACQ_REL,
                              __ATOMIC_RELAXED);
  Scheduler::make_runnable(loader);
}

bool acpi_interpreter_is_ready() { return current_state() == State::Ready && !acpi_is_abandoned(); }

bool acpi_interpreter_wait(Deadline deadline) {
  if (!is_finished()) {
    acpi_interpreter_start();
    if (loader) Scheduler::set_nice(loader, 0);  // somebody waits now
    state_changed.wait(is_finished, deadline, false);
  }
  return acpi_interpreter_is_ready();
}

bool acpi_prepare_soft_off() {
  if (!acpi_interpreter_is_ready()) return false;
  acpi_stop_yielding();
  acpi_status status = AE_ERROR;
  if (!acpi_call(prepare_soft_off, &status)) return false;
  if (status == AE_OK) return true;
  log(LogLevel::Debug, "ACPI: preparing to power off: %s", acpi_format_exception(status));
  return false;
}

void acpi_enter_soft_off() { (void)acpi_enter_sleep_state(ACPI_STATE_S5); }

}  // namespace runtime
