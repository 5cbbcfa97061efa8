// The kernel's side of native/abi: what the gates in entry.S call, by index. Each function has the name
// and the type that native/abi gives it, which the table below checks.
#include "linux/kernel_interface.h"

#include <kernel_interface.h>

#include "arch/x86_64/cpu.h"
#include "boot/exit_status.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/types.h"
#include "linux/process_info.h"
#include "linux/service_interface.h"
#include "linux/terminal_interface.h"
#include "linux/vfs.h"
#include "memory/frames.h"
#include "memory/kernel_map.h"
#include "memory/shortage.h"
#include "platform/service_events.h"
#include "sched/bell.h"
#include "sched/thread.h"
#include "smp/cpus.h"
#include "terminal/terminal.h"
#include "time/clock.h"
#include "warm/freeze.h"

#define KERNEL_FUNCTION(index, name) extern "C" void kernel_gate_##index();
#include <kernel_functions.def>
#undef KERNEL_FUNCTION

namespace runtime {

namespace {

uint64_t boot_nanoseconds = 0;

}  // namespace

namespace interface {

void log(uint32_t level, const char* text, size_t length) {
  const LogLevel chosen = static_cast<LogLevel>(min_of<uint32_t>(level, RUNTIME_LOG_DEBUG));
  while (length > 0) {
    size_t line = 0;
    while (line < length && text[line] != '\n') ++line;
    runtime::log(chosen, "%.*s", static_cast<int>(line), text);
    if (line < length) ++line;
    text += line;
    length -= line;
  }
}

uint64_t monotonic_nanoseconds() { return runtime::monotonic_nanoseconds(); }
uint64_t wall_clock_nanoseconds() { return runtime::wall_clock_nanoseconds(); }
uint64_t uptime_nanoseconds() { return runtime::monotonic_nanoseconds(); }

void memory_statistics(RuntimeMemoryStatistics* into) {
  const FrameStatistics frames = frame_statistics();
  const ProcessMemory process = process_memory();
  into->total = frames.total;
  into->free = frames.free;
  into->image = frames.image;
  into->kernel_heap = kernel_heap_bytes();
  into->page_tables = process.page_tables;
  into->application = process.resident - process.resident_file;
  into->tmpfs = vfs_tmpfs_bytes();
  into->page_faults = process.page_faults;
  into->copy_on_write_copies = copy_on_write_copies();
}

void cpu_statistics(RuntimeCpuStatistics* into) {
  *into = RuntimeCpuStatistics();
  into->cpus = cpu_count();
  into->threads = thread_count();
  for (unsigned i = 0; i < cpu_count(); ++i) {
    const CpuTimes times = cpu_times(i);
    into->context_switches += times.context_switches;
    into->interrupts += times.interrupts;
    into->idle_nanoseconds += times.idle;
    into->system_calls += cpu_at(i).system_calls;
  }
  into->busy_nanoseconds = into->cpus * runtime::monotonic_nanoseconds() - into->idle_nanoseconds;
  into->boot_nanoseconds = boot_nanoseconds;
}

size_t kernel_log_read(uint64_t* cursor, char* buffer, size_t capacity) {
  return log_read(cursor, buffer, capacity);
}

uint32_t wait_for_events(uint32_t mask, uint64_t deadline) {
  terminals_settle();
  return wait_for_service_events(mask, deadline);
}

void notify_events(uint32_t bits) { notify_service(bits); }

uint64_t bell_open() {
  Thread* const thread = Thread::current();
  thread->retain();
  return reinterpret_cast<uint64_t>(thread);
}
void bell_close(uint64_t bell) { reinterpret_cast<Thread*>(bell)->release(); }
void bell_ring(uint64_t bell) { ring_bell(reinterpret_cast<Thread*>(bell)); }
void bell_wait(uint64_t deadline) { wait_for_bell(Deadline::at_nanoseconds(deadline)); }

uint32_t process_origin() { return static_cast<uint32_t>(runtime::process_origin()); }
int32_t freeze_process() { return freeze_begin(); }

void await_memory_shortage(uint64_t not_before) {
  runtime::await_memory_shortage(Deadline::at_nanoseconds(not_before));
}

void power_off(int32_t code) { end_machine(code & 0xff, "power off", EndKind::Wanted); }
void reboot() { restart_machine(); }

}  // namespace interface

namespace {

/// A read-only page of the kernel's image.
struct alignas(kPageSize) InterfacePage {
  RuntimeKernelInterface table;
};
const InterfacePage kInterface = {{
    RUNTIME_KERNEL_INTERFACE_VERSION,
    sizeof(RuntimeKernelInterface),
#define KERNEL_FUNCTION(index, name) \
  reinterpret_cast<decltype(RuntimeKernelInterface::name)>(kernel_gate_##index),
#include <kernel_functions.def>
#undef KERNEL_FUNCTION
}};

}  // namespace

/// By gate index; the gates keep the arguments in their registers.
extern "C" const void* const kernel_gate_functions[];
const void* const kernel_gate_functions[] = {
#define KERNEL_FUNCTION(index, name) \
  reinterpret_cast<const void*>(     \
      static_cast<decltype(RuntimeKernelInterface::name)>(interface::name)),
#include <kernel_functions.def>
#undef KERNEL_FUNCTION
};

static_assert(array_size(kernel_gate_functions) ==
                  (sizeof(RuntimeKernelInterface) - offsetof(RuntimeKernelInterface, log)) / 8,
              "every function of the interface has a gate, in the same order");

const void* kernel_interface_page() { return &kInterface; }

void set_boot_nanoseconds(uint64_t nanoseconds) {
  if (!boot_nanoseconds) boot_nanoseconds = nanoseconds;
}

CpuTimes cpu_times(unsigned index) {
  const CpuLocal& cpu = cpu_at(index);
  return {cpu.user_nanoseconds, cpu.system_nanoseconds, cpu.idle_nanoseconds, cpu.interrupts,
          cpu.context_switches};
}

}  // namespace runtime
