#include "boot/crash.h"

#include "acpi/power.h"
#include "arch/x86_64/cpu.h"
#include "boot/console.h"
#include "boot/console_port.h"
#include "boot/exit_status.h"
#include "boot/image_layout.h"
#include "boot/report.h"
#include "boot/screen.h"
#include "lib/demangle.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/symbols.h"
#include "lib/text.h"
#include "linux/mapped_image.h"
#include "linux/process_info.h"
#include "linux/signals_internal.h"
#include "linux/vfs.h"
#include "memory/address_space.h"
#include "memory/frames.h"
#include "memory/page_table.h"
#include "memory/physical.h"
#include "memory/user.h"
#include "sched/thread.h"
#include "smp/cpus.h"

extern "C" uint64_t load_word_guarded(const void* address, uint64_t* value);

namespace runtime {

namespace {

constexpr uint64_t kPageFaultVector = 14;

KernelSymbols kernel_symbols;
/// Whose panic is reported.
const CpuLocal* panicking_cpu = nullptr;

/// Reports are long; the log's lines are short. They go straight to the console, line by line.
class Report {
 public:
  Report() : text_(buffer_, sizeof(buffer_)) {}
  TextBuilder& text() { return text_; }
  /// Prints what has come since the last time.
  /// @param ends_machine it is shown on the screen, too, whatever was there
  void print(bool ends_machine) {
    if (ends_machine && printed_ == 0) screen_take_back();
    const char* start = buffer_ + printed_;
    const char* end = buffer_ + text_.length();
    printed_ = text_.length();
    while (start < end) {
      const char* line_end = start;
      while (line_end < end && *line_end != '\n') ++line_end;
      console_write("[runtime] ", 10);
      console_write(start, static_cast<size_t>(line_end - start));
      console_write("\r\n", 2);
      rows_ += 1 + static_cast<size_t>(line_end - start) / kScreenColumns;
      if (ends_machine && rows_ <= kScreenRows) {
        screen_write(start, static_cast<size_t>(line_end - start));
        screen_write("\n", 1);
      }
      start = line_end + 1;
    }
  }

 private:
  /// Of the smallest screen. What would scroll the cause away is on the console only.
  static constexpr size_t kScreenColumns = 80;
  static constexpr size_t kScreenRows = 23;

  static char buffer_[16384];
  TextBuilder text_;
  size_t printed_ = 0;
  size_t rows_ = 0;
};
char Report::buffer_[16384];

bool read_word(void*, uint64_t address, uint64_t* value) {
  if (address % 8 || address < kLowestAddress) return false;
  return load_word_guarded(reinterpret_cast<const void*>(address), value) == 0;
}

size_t resolve_kernel(uint64_t address, char* buffer, size_t capacity) {
  SymbolMatch match;
  if (!kernel_symbols.lookup(address - kernel_base(), &match))
    return format(buffer, capacity, "kernel+0x%llx",
                  static_cast<unsigned long long>(address - kernel_base()));
  return format(buffer, capacity, "%.*s+0x%llx (kernel)", static_cast<int>(match.name.size),
                match.name.data, static_cast<unsigned long long>(match.offset));
}

size_t resolve_application(uint64_t address, char* buffer, size_t capacity) {
  FileImage image;
  if (!find_mapped_image(address, &image)) return 0;
  StringView path = image.path;
  for (size_t i = path.size; i-- > 0;) {
    if (path[i] != '/') continue;
    path = path.from(i + 1);
    break;
  }
  const uint64_t link_address = address - image.load_bias;
  SymbolMatch match;
  if (!elf_symbol_for(image.data, image.size, link_address, &match))
    return format(buffer, capacity, "0x%llx (%.*s)", static_cast<unsigned long long>(link_address),
                  static_cast<int>(path.size), path.data);
  char name[256];
  demangle(match.name, name, sizeof(name));
  return format(buffer, capacity, "%s+0x%llx (%.*s)", name,
                static_cast<unsigned long long>(match.offset), static_cast<int>(path.size),
                path.data);
}

size_t resolve(void*, uint64_t address, char* buffer, size_t capacity) {
  if (address >= reinterpret_cast<uint64_t>(kernel_text_start) &&
      address < reinterpret_cast<uint64_t>(kernel_text_end))
    return resolve_kernel(address, buffer, capacity);
  return resolve_application(address, buffer, capacity);
}

const ReportAccess kAccess = {read_word, resolve, nullptr};

size_t resolve_kernel_only(void*, uint64_t address, char* buffer, size_t capacity) {
  if (address < reinterpret_cast<uint64_t>(kernel_text_start) ||
      address >= reinterpret_cast<uint64_t>(kernel_text_end))
    return 0;
  return resolve_kernel(address, buffer, capacity);
}

/// In a panic nothing may fault: on the stack of a non-maskable interrupt that is a wild stack pointer, and what
/// serves a fault takes locks that may be held.
bool read_present_word(void*, uint64_t address, uint64_t* value) {
  if (address % 8 || address < kLowestAddress || !PageTable(root_table()).translates(address))
    return false;
  *value = *reinterpret_cast<const uint64_t*>(address);
  return true;
}

/// Names of the app's functions are behind locks, too.
const ReportAccess kPanicAccess = {read_present_word, resolve_kernel_only, nullptr};

/// On the stack of non-maskable interrupts nothing may fault: the kernel's stack alone is read.
bool read_own_stack(void*, uint64_t address, uint64_t* value) {
  const Thread* const thread = Thread::current();
  if (!thread || address % 8 || address < thread->kernel_stack_base ||
      address > thread->kernel_stack_top - sizeof(*value))
    return false;
  *value = *reinterpret_cast<const uint64_t*>(address);
  return true;
}

const ReportAccess kStuckAccess = {read_own_stack, resolve_kernel_only, nullptr};

char stuck_report[4096];
bool is_stuck_report_taken = false;

void append_memory(TextBuilder& text) {
  const FrameStatistics frames = frame_statistics();
  const ProcessMemory process = process_memory();
  ReportMemory memory;
  memory.total = frames.total;
  memory.free = frames.free;
  memory.image = frames.image;
  memory.application = process.resident - process.resident_file;
  memory.kernel_heap = kernel_heap_bytes();
  memory.temporary_files = vfs_tmpfs_bytes();
  report_memory(text, memory);
}

void append_cause(TextBuilder& text, const TrapFrame& frame) {
  text.append("vector %llu, error 0x%llx, address 0x%llx",
              static_cast<unsigned long long>(frame.vector),
              static_cast<unsigned long long>(frame.error),
              static_cast<unsigned long long>(fault_address()));
}

/// A panic in the report of another one, which was printed as far as it came.
[[noreturn]] void end_in_report(const TrapFrame& frame, const char* what) {
  static bool has_begun = false;
  if (has_begun) machine_power_off();
  has_begun = true;
  char line[512];
  TextBuilder text(line, sizeof(line));
  text.append("[runtime] panic inside a panic: %s\r\n[runtime] ", what);
  append_cause(text, frame);
  text.append(", rip 0x%llx\r\n", static_cast<unsigned long long>(frame.rip));
  console_write_now(line, text.length());
  end_machine(255, "panic");
}

}  // namespace

void set_kernel_symbols(StringView file) {
  (void)kernel_symbols.open(reinterpret_cast<const uint8_t*>(file.data), file.size);
}

void panic_with_frame(const TrapFrame* frame, const char* what) {
  disable_interrupts();
  const CpuLocal* reporting = nullptr;
  if (!__atomic_compare_exchange_n(&panicking_cpu, &reporting, &this_cpu(), false, __ATOMIC_ACQ_REL,
                                   __ATOMIC_ACQUIRE)) {
    if (reporting != &this_cpu()) stop_this_cpu();  // that CPU's report ends the machine
    end_in_report(*frame, what);
  }
  stop_other_cpus();
  log_enter_panic();
  console_enter_panic();
  Report report;
  TextBuilder& text = report.text();
  const Thread* thread = Thread::current();
  text.append("kernel panic: %s\n", what);
  append_cause(text, *frame);
  text.append(", thread %d (%s), kernel at 0x%llx\n", thread ? thread->id() : -1,
              thread ? thread->name : "none", static_cast<unsigned long long>(kernel_base()));
  report_registers(text, *frame);
  report.print(true);  // what follows looks into memory
  report_backtrace(text, frame->rip, frame->rbp, frame->rsp, kPanicAccess);
  report.print(true);
  end_machine(255, "panic");
}

void panic(const char* pattern, ...) {
  disable_interrupts();
  char message[256];
  va_list arguments;
  va_start(arguments, pattern);
  format_list(message, sizeof(message), pattern, arguments);
  va_end(arguments);
  TrapFrame frame;
  memset(&frame, 0, sizeof(frame));
  frame.rip = reinterpret_cast<uint64_t>(__builtin_return_address(0));
  frame.rbp = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
  frame.rsp = frame.rbp + 16;
  uint64_t caller_frame = 0;
  if (read_present_word(nullptr, frame.rbp, &caller_frame)) frame.rbp = caller_frame;
  panic_with_frame(&frame, message);
}

void report_stuck_cpu(const TrapFrame* frame, unsigned cpu, uint64_t seconds) {
  // Two at once: the second waits for the first, but not for ever.
  constexpr unsigned kPatience = 100 * 1000 * 1000;
  for (unsigned i = 0; i < kPatience; ++i) {
    if (!__atomic_exchange_n(&is_stuck_report_taken, true, __ATOMIC_ACQUIRE)) break;
    asm volatile("pause");
  }
  TextBuilder text(stuck_report, sizeof(stuck_report));
  const Thread* const thread = Thread::current();
  text.append(
      "[runtime] CPU %u has been stuck in the kernel for %llu s, with interrupts %s, thread %d "
      "(%s)\n",
      cpu, static_cast<unsigned long long>(seconds), frame->rflags & kFlagInterrupt ? "on" : "off",
      thread ? thread->id() : -1, thread ? thread->name : "none");
  report_registers(text, *frame);
  report_backtrace(text, frame->rip, frame->rbp, frame->rsp, kStuckAccess);
  console_write_now(stuck_report, text.length());
  __atomic_store_n(&is_stuck_report_taken, false, __ATOMIC_RELEASE);
}

void report_contained_fault(const TrapFrame* frame, uint64_t address) {
  char place[256];
  if (!resolve_kernel_only(nullptr, frame->rip, place, sizeof(place)))
    format(place, sizeof(place), "0x%llx", static_cast<unsigned long long>(frame->rip));
  if (frame->vector == kPageFaultVector) {
    log(LogLevel::Warn, "page fault at address 0x%llx in %s",
        static_cast<unsigned long long>(address), place);
  } else {
    log(LogLevel::Warn, "exception %llu in %s", static_cast<unsigned long long>(frame->vector),
        place);
  }
}

void report_application_crash(const TrapFrame* frame, int signal) {
  Report report;
  TextBuilder& text = report.text();
  const Thread* thread = Thread::current();
  const FaultRecord& fault = thread->signals.last_fault;
  const bool is_fault = fault.signal == signal && fault.rip == frame->rip;
  if (is_fault && fault.vector == kPageFaultVector) {
    const char* access = fault.error & 16 ? "executing" : fault.error & 2 ? "writing" : "reading";
    const char* reason = signal == kSignalBus ? "past the end of its file"
                         : fault.code == 2    ? "not allowed by the page's protection"
                                              : "nothing is mapped there";
    text.append("the app crashed: %s while %s address 0x%llx (%s)\n", signal_name(signal), access,
                static_cast<unsigned long long>(fault.address), reason);
  } else if (signal == kSignalAbort) {
    text.append("the app aborted (SIGABRT): the reason stands in the lines above\n");
  } else {
    text.append("the app crashed: %s\n", signal_name(signal));
  }
  text.append("thread %d (%s)\n", thread->id(), thread->name);
  report_registers(text, *frame);
  report_backtrace(text, frame->rip, frame->rbp, frame->rsp, kAccess);
  append_memory(text);
  report.print(true);
}

void report_out_of_memory(const TrapFrame* frame, uint64_t address) {
  Report report;
  TextBuilder& text = report.text();
  const Thread* thread = Thread::current();
  text.append("out of memory: thread %d (%s) touched 0x%llx and no page is left\n", thread->id(),
              thread->name, static_cast<unsigned long long>(address));
  append_memory(text);
  text.append(
      "start the VM with more memory (-m), or limit the app's heap "
      "(--max-old-space-size)\n");
  report_backtrace(text, frame->rip, frame->rbp, frame->rsp, kAccess);
  report.print(true);
}

void report_memory_figures() {
  Report report;
  append_memory(report.text());
  report.print(false);
}

}  // namespace runtime
