// What else linux/fs asks about the machine: figures, the console, the log. None of it matters here.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/console.h"
#include "lib/format.h"
#include "linux/fs/process_files.h"
#include "linux/load_average.h"
#include "linux/process_info.h"
#include "linux/resource_limits.h"
#include "linux/system_calls.h"

namespace runtime {

void log(LogLevel, const char*, ...) {}

void panic(const char* pattern, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, pattern);
  format_list(text, sizeof(text), pattern, arguments);
  va_end(arguments);
  fprintf(stderr, "kernel panic: %s\n", text);
  abort();
}

bool next_area(uint64_t, AreaInfo*) { return false; }
bool next_thread(int, ThreadInfo*) { return false; }
ProcessMemory process_memory() { return ProcessMemory(); }
const GeneratedName kDeviceFiles[] = {{nullptr, nullptr, 0}};
const size_t kDeviceFileCount = 0;
uint64_t kernel_heap_bytes() { return 0; }
StringView kernel_command_line() { return StringView(); }
StringView kernel_version() { return "test"; }
LoadAverages load_averages() { return LoadAverages(); }
ResourceLimit resource_limit(Resource) { return ResourceLimit{kNoLimit, kNoLimit}; }
CpuTimes cpu_times(unsigned) { return CpuTimes(); }
Result<uint64_t> sys_gettid() { return uint64_t{1}; }

const CpuInfo& cpu_info() {
  static CpuInfo info = {};
  return info;
}

const ArgumentArea& argument_area() {
  static ArgumentArea area = {};
  return area;
}

void random_bytes(void* buffer, size_t size) { memset(buffer, 4, size); }

void console_write(const char*, size_t) {}
size_t console_read(char*, size_t) { return 0; }
void console_watch_for(int, void (*)()) {}
void console_keep_input(bool) {}
bool console_has_input() { return false; }
WaitQueue& console_input_queue() {
  static WaitQueue queue;
  return queue;
}

}  // namespace runtime
