// The kernel's side of native/abi. The gates in entry.S call these functions by index.
#include "linux/kernel_interface.h"

#include <kernel_interface.h>

#include "arch/x86_64/cpu.h"
#include "boot/exit_status.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/types.h"
#include "linux/process_info.h"
#include "linux/vfs.h"
#include "memory/frames.h"
#include "memory/kernel_map.h"
#include "sched/thread.h"
#include "smp/cpus.h"
#include "time/clock.h"

extern "C" {
void kernel_gate_0();
void kernel_gate_1();
void kernel_gate_2();
void kernel_gate_3();
void kernel_gate_4();
void kernel_gate_5();
void kernel_gate_6();
void kernel_gate_7();
void kernel_gate_8();
void kernel_gate_9();
void kernel_gate_10();
}

namespace runtime {

namespace {

uint64_t boot_nanoseconds = 0;

/// The isolate host's event word.
struct EventWord {
  uint32_t bits = 0;
};
Locked<EventWord> event_word(LockRank::Pipe);
WaitQueue event_queue;

void log_text(uint32_t level, const char* text, size_t length) {
  const LogLevel chosen = static_cast<LogLevel>(min_of<uint32_t>(level, RUNTIME_LOG_DEBUG));
  while (length > 0) {
    size_t line = 0;
    while (line < length && text[line] != '\n') ++line;
    log(chosen, "%.*s", static_cast<int>(line), text);
    if (line < length) ++line;
    text += line;
    length -= line;
  }
}

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
  into->busy_nanoseconds = into->cpus * monotonic_nanoseconds() - into->idle_nanoseconds;
  into->boot_nanoseconds = boot_nanoseconds;
}

uint32_t wait_for_events(uint32_t mask, uint64_t deadline) {
  uint32_t taken = 0;
  event_queue.wait(
      [mask, &taken] {
        taken = event_word.with([mask](EventWord& word) {
          const uint32_t ready = word.bits & mask;
          word.bits &= ~ready;
          return ready;
        });
        return taken != 0;
      },
      Deadline::at_nanoseconds(deadline));
  return taken;
}

void notify_events(uint32_t bits) {
  event_word.with([bits](EventWord& word) { word.bits |= bits; });
  event_queue.wake_all();
}

void power_off(int32_t code) { end_machine(code & 0xff, "power off"); }
void reboot() { restart_machine(); }

/// Lives in a read-only page of the kernel's image.
const RuntimeKernelInterface kInterface = {
    RUNTIME_KERNEL_INTERFACE_VERSION,
    sizeof(RuntimeKernelInterface),
    reinterpret_cast<decltype(RuntimeKernelInterface::log)>(kernel_gate_0),
    reinterpret_cast<decltype(RuntimeKernelInterface::monotonic_nanoseconds)>(kernel_gate_1),
    reinterpret_cast<decltype(RuntimeKernelInterface::wall_clock_nanoseconds)>(kernel_gate_2),
    reinterpret_cast<decltype(RuntimeKernelInterface::uptime_nanoseconds)>(kernel_gate_3),
    reinterpret_cast<decltype(RuntimeKernelInterface::memory_statistics)>(kernel_gate_4),
    reinterpret_cast<decltype(RuntimeKernelInterface::cpu_statistics)>(kernel_gate_5),
    reinterpret_cast<decltype(RuntimeKernelInterface::kernel_log_read)>(kernel_gate_6),
    reinterpret_cast<decltype(RuntimeKernelInterface::wait_for_events)>(kernel_gate_7),
    reinterpret_cast<decltype(RuntimeKernelInterface::notify_events)>(kernel_gate_8),
    reinterpret_cast<decltype(RuntimeKernelInterface::power_off)>(kernel_gate_9),
    reinterpret_cast<decltype(RuntimeKernelInterface::reboot)>(kernel_gate_10),
};

}  // namespace

/// By gate index; the gates keep the arguments in their registers.
extern "C" const void* const kernel_gate_functions[];
const void* const kernel_gate_functions[] = {
    reinterpret_cast<const void*>(log_text),
    reinterpret_cast<const void*>(static_cast<uint64_t (*)()>(runtime::monotonic_nanoseconds)),
    reinterpret_cast<const void*>(static_cast<uint64_t (*)()>(runtime::wall_clock_nanoseconds)),
    reinterpret_cast<const void*>(static_cast<uint64_t (*)()>(runtime::monotonic_nanoseconds)),
    reinterpret_cast<const void*>(memory_statistics),
    reinterpret_cast<const void*>(cpu_statistics),
    reinterpret_cast<const void*>(log_read),
    reinterpret_cast<const void*>(wait_for_events),
    reinterpret_cast<const void*>(notify_events),
    reinterpret_cast<const void*>(power_off),
    reinterpret_cast<const void*>(reboot),
};

static_assert(array_size(kernel_gate_functions) ==
                  (sizeof(RuntimeKernelInterface) - offsetof(RuntimeKernelInterface, log)) / 8,
              "every function of the interface has a gate, in the same order");

uint64_t kernel_interface_address() { return reinterpret_cast<uint64_t>(&kInterface); }

void set_boot_nanoseconds(uint64_t nanoseconds) {
  if (!boot_nanoseconds) boot_nanoseconds = nanoseconds;
}

CpuTimes cpu_times(unsigned index) {
  const CpuLocal& cpu = cpu_at(index);
  return {cpu.user_nanoseconds, cpu.system_nanoseconds, cpu.idle_nanoseconds, cpu.interrupts,
          cpu.context_switches};
}

}  // namespace runtime
