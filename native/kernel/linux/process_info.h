// What /proc and the figures for the application need to know about memory, threads and CPUs.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/string.h"

namespace runtime {

constexpr int kProcessId = 1;

/// One mapped area, for /proc/self/maps.
struct AreaInfo {
  uint64_t start;
  uint64_t end;
  bool is_readable;
  bool is_writable;
  bool is_executable;
  bool is_shared;
  uint64_t offset;  // bytes into the file
  uint64_t inode;   // 0 for anonymous memory
  char name[256];   // path, "[stack]", "[heap]", "[vdso]" or empty
};
/// The first area that ends after `address`, in address order. Returns false when there is none.
bool next_area(uint64_t address, AreaInfo* info);

/// Figures of the application's memory in bytes.
struct ProcessMemory {
  uint64_t virtual_size;
  uint64_t resident;  // anonymous and file pages that are mapped now
  uint64_t resident_file;
  uint64_t peak_resident;
  uint64_t page_tables;
  uint64_t page_faults;
};
ProcessMemory process_memory();

struct ThreadInfo {
  int id;
  char name[16];
  char state;  // R running or runnable, S sleeping
  int nice;
  uint64_t user_nanoseconds;
  uint64_t system_nanoseconds;
  uint64_t started_nanoseconds;  // since boot
};
/// The thread with the lowest id at or above `from`. Returns false when there is none.
bool next_thread(int from, ThreadInfo* info);

struct CpuInfo {
  unsigned count;
  char vendor[13];
  char model_name[49];
  unsigned family;
  unsigned model;
  unsigned stepping;
  uint64_t frequency_hertz;  // of the time-stamp counter
  char flags[1024];          // as in /proc/cpuinfo
};
const CpuInfo& cpu_info();
/// Time that CPU `cpu` spent in the application, in the kernel and idle, in nanoseconds.
struct CpuTimes {
  uint64_t user;
  uint64_t system;
  uint64_t idle;
  uint64_t interrupts;        // counts
  uint64_t context_switches;  // counts
};
CpuTimes cpu_times(unsigned cpu);

/// Heap and other kernel memory in bytes.
uint64_t kernel_heap_bytes();

/// How often each system call was made since boot, one after the other from cursor 0; those that never
/// were are left out. Returns false at the end.
bool next_counted_call(size_t* cursor, const char** name, uint64_t* count);

/// argv and environ areas of the initial stack, for /proc/self/cmdline and environ.
struct ArgumentArea {
  uint64_t arguments_start, arguments_end;
  uint64_t environment_start, environment_end;
  uint64_t auxiliary_start, auxiliary_end;
};
const ArgumentArea& argument_area();
/// They have moved: the arguments start at `start`, the variables follow. Sizes are in bytes.
void set_argument_area(uint64_t start, uint64_t arguments_size, uint64_t environment_size);

/// The kernel's command line, for /proc/cmdline.
StringView kernel_command_line();
/// Version text, e.g. "0.1.0".
StringView kernel_version();
/// The name that the host gave the machine; empty when it gave none.
StringView machine_host_name();

/// Fills `buffer` from the kernel's random generator.
void random_bytes(void* buffer, size_t size);

}  // namespace runtime
