#include "host_kernel.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <unordered_map>

#include "boot/console.h"
#include "lib/format.h"
#include "lib/new.h"
#include "linux/fs/process_files.h"
#include "linux/load_average.h"
#include "linux/process_info.h"
#include "linux/resource_limits.h"
#include "linux/system_calls.h"
#include "memory/frames.h"
#include "memory/mappable.h"
#include "platform/firmware_config.h"
#include "time/clock.h"

namespace host_kernel {

namespace {

uint64_t memory_total = 512ull << 20;
std::unordered_map<uint64_t, uint32_t> frames;  // address to reference count
uint64_t allocation_to_fail = 0;
uint64_t allocations = 0;
uint64_t forbidden_start = 0;
uint64_t forbidden_end = 0;
std::vector<Unmapped> unmapped;
std::vector<std::string> log_lines;
std::string console_output;
std::string console_input;
uint64_t now = 1'700'000'000'000'000'000;

template <typename T>
T take(T& value) {
  T taken;
  std::swap(taken, value);
  return taken;
}

}  // namespace

void set_memory(uint64_t total_bytes) { memory_total = total_bytes; }
uint64_t frames_in_use() { return frames.size(); }
void fail_allocation(uint64_t which) { allocation_to_fail = which; }
uint64_t allocations_in_use() { return allocations; }
void forbid_range(uint64_t start, uint64_t end) {
  forbidden_start = start;
  forbidden_end = end;
}
std::vector<Unmapped> take_unmapped() { return take(unmapped); }
std::vector<std::string> take_log() { return take(log_lines); }
std::string take_console() { return take(console_output); }
void type_console(const std::string& text) { console_input += text; }
void set_time(uint64_t nanoseconds) { now = nanoseconds; }

namespace {

bool fails_now() { return allocation_to_fail != 0 && --allocation_to_fail == 0; }

/// Bytes from `address` on that can be reached, at most `size`.
uint64_t reachable(uint64_t address, uint64_t size) {
  if (address < 4096) return 0;
  if (address >= forbidden_end || address + size <= forbidden_start) return size;
  return address >= forbidden_start ? 0 : forbidden_start - address;
}

}  // namespace

}  // namespace host_kernel

using host_kernel::fails_now;
using host_kernel::reachable;

extern "C" uint64_t copy_bytes_guarded(void* destination, const void* source, uint64_t size) {
  // One side is the kernel's, and that one is always reachable.
  const uint64_t count = std::min(reachable(reinterpret_cast<uint64_t>(destination), size),
                                  reachable(reinterpret_cast<uint64_t>(source), size));
  memcpy(destination, source, count);
  return size - count;
}

extern "C" uint64_t clear_bytes_guarded(void* destination, uint64_t size) {
  const uint64_t count = reachable(reinterpret_cast<uint64_t>(destination), size);
  memset(destination, 0, count);
  return size - count;
}

namespace runtime {

// --- heap and frames

void* allocate(size_t size) {
  if (fails_now()) return nullptr;
  void* memory = malloc(size);
  if (memory) {
    memset(memory, 0xa5, size);  // nobody may count on zeroes
    ++host_kernel::allocations;
  }
  return memory;
}

void deallocate(void* memory) {
  if (!memory) return;
  --host_kernel::allocations;
  free(memory);
}

Result<PhysAddr> allocate_frame_uninitialised() {
  if (fails_now()) return Errno::NoMemory;
  if ((host_kernel::frames.size() + 1) * kPageSize > host_kernel::memory_total) {
    return Errno::NoMemory;
  }
  void* memory = aligned_alloc(kPageSize, kPageSize);
  memset(memory, 0xa5, kPageSize);
  host_kernel::frames[reinterpret_cast<uint64_t>(memory)] = 1;
  return PhysAddr(reinterpret_cast<uint64_t>(memory));
}

Result<PhysAddr> allocate_frame() {
  Result<PhysAddr> frame = allocate_frame_uninitialised();
  if (!frame.is_error()) memset(phys_to_virt(frame.value()), 0, kPageSize);
  return frame;
}

void retain_frame(PhysAddr frame) {
  auto found = host_kernel::frames.find(frame.value);
  if (found != host_kernel::frames.end()) ++found->second;
}

void release_frame(PhysAddr frame) {
  auto found = host_kernel::frames.find(frame.value);
  if (found == host_kernel::frames.end() || --found->second != 0) return;
  host_kernel::frames.erase(found);
  free(phys_to_virt(frame));
}

void* phys_to_virt(PhysAddr address) { return reinterpret_cast<void*>(address.value); }
PhysAddr virt_to_phys(const void* pointer) { return PhysAddr(reinterpret_cast<uint64_t>(pointer)); }

FrameStatistics frame_statistics() {
  const uint64_t used = host_kernel::frames.size() * kPageSize;
  return {host_kernel::memory_total, host_kernel::memory_total - used, 100ull << 20};
}

void unmap_object_pages(Mappable*, uint64_t first_page, uint64_t, PrivateCopies) {
  host_kernel::unmapped.push_back({first_page});
}

// --- log, console, clock, random numbers

void log(LogLevel, const char* pattern, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, pattern);
  format_list(line, sizeof(line), pattern, arguments);
  va_end(arguments);
  host_kernel::log_lines.push_back(line);
}

void panic(const char* pattern, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, pattern);
  format_list(line, sizeof(line), pattern, arguments);
  va_end(arguments);
  fprintf(stderr, "panic: %s\n", line);
  abort();
}

void console_write(const char* text, size_t size) {
  host_kernel::console_output.append(text, size);
}
size_t console_read(char* buffer, size_t capacity) {
  const size_t size = std::min(capacity, host_kernel::console_input.size());
  memcpy(buffer, host_kernel::console_input.data(), size);
  host_kernel::console_input.erase(0, size);
  return size;
}
void console_watch_for(int, void (*)()) {}
void console_keep_input(bool) {}
bool console_has_input() { return !host_kernel::console_input.empty(); }
WaitQueue& console_input_queue() {
  static WaitQueue queue;
  return queue;
}

bool next_counted_call(size_t* cursor, const char** name, uint64_t* count) {
  *name = "read";
  *count = 12;
  return (*cursor)++ == 0;
}
uint64_t wall_clock_nanoseconds() { return host_kernel::now += kNanosecondsPerMillisecond; }
uint64_t monotonic_nanoseconds() { return 4'250'000'000; }

void random_bytes(void* buffer, size_t size) {
  static uint8_t next = 1;
  for (size_t i = 0; i < size; ++i) static_cast<uint8_t*>(buffer)[i] = next += 37;
}

// --- process and machine: fixed figures, as the tests expect them

bool next_area(uint64_t address, AreaInfo* info) {
  static const AreaInfo areas[] = {
      {0x400000, 0x401000, true, false, true, false, 0, 42, "/bin/node"},
      {0x7f0000000000, 0x7f0000200000, true, true, false, false, 0, 0, ""},
      {0x7ffff0000000, 0x7ffff0800000, true, true, false, false, 0, 0, "[stack]"},
  };
  for (const AreaInfo& area : areas) {
    if (area.end <= address) continue;
    *info = area;
    return true;
  }
  return false;
}

ProcessMemory process_memory() {
  return {1ull << 30, 48ull << 20, 16ull << 20, 50ull << 20, 1ull << 20, 12345};
}

// Device files need devices: there are none here.
const GeneratedName kDeviceFiles[] = {{nullptr, nullptr, 0}};
const size_t kDeviceFileCount = 0;

bool next_thread(int from, ThreadInfo* info) {
  static const ThreadInfo threads[] = {
      {1, "node", 'R', 0, 1'230'000'000, 450'000'000, 10'000'000},
      {7, "libuv-worker", 'S', 0, 20'000'000, 10'000'000, 90'000'000},
  };
  for (const ThreadInfo& thread : threads) {
    if (thread.id < from) continue;
    *info = thread;
    return true;
  }
  return false;
}

const CpuInfo& cpu_info() {
  static const CpuInfo info = {2, "GenuineTest", "Test CPU @ 2.60GHz", 6, 85,
                               7, 2'600'000'000, "fpu sse sse2 avx2"};
  return info;
}

CpuTimes cpu_times(unsigned cpu) {
  return {1'000'000'000ull * (cpu + 1), 500'000'000, 3'000'000'000, 1000, 2000};
}

uint64_t kernel_heap_bytes() { return 3ull << 20; }

const ArgumentArea& argument_area() {
  static const char text[] = "node\0/app/main.mjs\0PATH=/bin\0";
  static ArgumentArea area;
  const uint64_t start = reinterpret_cast<uint64_t>(text);
  area = {start, start + 19, start + 19, start + 29, 0, 0};
  return area;
}

StringView kernel_command_line() { return "log=debug"; }
StringView kernel_version() { return "1.2.3"; }
StringView machine_host_name() { return StringView(); }

// What the host handed over (fw_cfg): one file, and one whose name is no path.
StringView FirmwareFile::name_view() const { return StringView(name); }
unsigned firmware_file_count() { return 2; }
const FirmwareFile& firmware_file(unsigned index) {
  static const FirmwareFile files[] = {{"opt/com.example/data", 5, 0}, {"opt/../etc/x", 5, 1}};
  return files[index];
}
void firmware_file_read(const FirmwareFile&, void* to, size_t size) { memcpy(to, "hello", size); }

LoadAverages load_averages() { return {{3u << 15, 1u << 15, 1u << 14}}; }
ResourceLimit resource_limit(Resource resource) {
  if (resource == Resource::Stack) return {8ull << 20, kNoLimit};
  return {kNoLimit, kNoLimit};
}
Result<uint64_t> sys_gettid() { return static_cast<uint64_t>(7); }

}  // namespace runtime
