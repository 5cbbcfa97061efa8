// /proc/PID: proc(5), sections maps, status, stat, statm, limits and the rest.
#include "linux/fd_table.h"
#include "linux/fs/process_files.h"
#include "linux/process_info.h"
#include "linux/resource_limits.h"
#include "memory/user.h"

namespace runtime {

namespace {

using LongLong = unsigned long long;

constexpr size_t kNameColumn = 73;  // of the path in a line of maps
constexpr size_t kChunk = 512;

Result<ThreadInfo> thread_info(uint64_t id) {
  ThreadInfo thread;
  const int wanted = static_cast<int>(id);
  if (!next_thread(wanted, &thread) || thread.id != wanted) return Errno::NoProcess;
  return thread;
}

unsigned count_threads() {
  unsigned count = 0;
  ThreadInfo thread;
  for (int id = 0; next_thread(id, &thread); id = thread.id + 1) ++count;
  return count;
}

Result<void> write_maps(TextWriter& text, uint64_t) {
  AreaInfo area;
  for (uint64_t address = 0; next_area(address, &area); address = area.end) {
    const size_t line_start = text.view().size;
    text.print("%08llx-%08llx %c%c%c%c %08llx 00:%02x %llu ", static_cast<LongLong>(area.start),
               static_cast<LongLong>(area.end), area.is_readable ? 'r' : '-',
               area.is_writable ? 'w' : '-', area.is_executable ? 'x' : '-',
               area.is_shared ? 's' : 'p', static_cast<LongLong>(area.offset),
               area.inode ? file_systems().root.minor : 0, static_cast<LongLong>(area.inode));
    if (area.name[0]) {
      while (text.view().size - line_start < kNameColumn) {
        if (text.is_out_of_memory()) return Errno::NoMemory;
        text.put(" ");
      }
      text.put(area.name);
    }
    text.put("\n");
  }
  return {};
}

Result<void> write_statm(TextWriter& text, uint64_t) {
  const ProcessMemory memory = process_memory();
  const LongLong resident = memory.resident / kPageSize;
  const LongLong shared = memory.resident_file / kPageSize;
  text.print("%llu %llu %llu 0 0 %llu 0\n", static_cast<LongLong>(memory.virtual_size / kPageSize),
             resident, shared, resident - shared);
  return {};
}

/// Copies application memory from `start` to `end`; what is not mapped any more is left out.
Result<void> write_memory_range(TextWriter& text, uint64_t start, uint64_t end) {
  char chunk[kChunk];
  while (start < end) {
    const size_t size = min_of<uint64_t>(end - start, kChunk);
    if (copy_from_user(chunk, start, size).is_error()) break;
    text.put_bytes(chunk, size);
    start += size;
  }
  return {};
}

Result<void> write_arguments(TextWriter& text, uint64_t) {
  const ArgumentArea& area = argument_area();
  return write_memory_range(text, area.arguments_start, area.arguments_end);
}

Result<void> write_environment(TextWriter& text, uint64_t) {
  const ArgumentArea& area = argument_area();
  return write_memory_range(text, area.environment_start, area.environment_end);
}

Result<void> write_auxiliary(TextWriter& text, uint64_t) {
  const ArgumentArea& area = argument_area();
  return write_memory_range(text, area.auxiliary_start, area.auxiliary_end);
}

Result<void> write_cgroup(TextWriter& text, uint64_t) {
  text.put("0::/\n");
  return {};
}

Result<void> write_out_of_memory_score(TextWriter& text, uint64_t) {
  text.put("0\n");
  return {};
}

struct LimitName {
  Resource resource;
  const char* name;
  const char* unit;
};
const LimitName kLimitNames[] = {
    {Resource::CpuSeconds, "Max cpu time", "seconds"},
    {Resource::FileSize, "Max file size", "bytes"},
    {Resource::Data, "Max data size", "bytes"},
    {Resource::Stack, "Max stack size", "bytes"},
    {Resource::Core, "Max core file size", "bytes"},
    {Resource::ResidentSet, "Max resident set", "bytes"},
    {Resource::Processes, "Max processes", "processes"},
    {Resource::Descriptors, "Max open files", "files"},
    {Resource::LockedMemory, "Max locked memory", "bytes"},
    {Resource::AddressSpace, "Max address space", "bytes"},
    {Resource::FileLocks, "Max file locks", "locks"},
    {Resource::PendingSignals, "Max pending signals", "signals"},
    {Resource::MessageQueues, "Max msgqueue size", "bytes"},
    {Resource::Nice, "Max nice priority", ""},
    {Resource::RealTimePriority, "Max realtime priority", ""},
    {Resource::RealTimeMicroseconds, "Max realtime timeout", "us"},
};

void write_limit(TextWriter& text, uint64_t value) {
  if (value == kNoLimit) {
    text.print("%-20s ", "unlimited");
  } else {
    text.print("%-20llu ", static_cast<LongLong>(value));
  }
}

Result<void> write_limits(TextWriter& text, uint64_t) {
  text.print("%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
  for (const LimitName& entry : kLimitNames) {
    const ResourceLimit limit = resource_limit(entry.resource);
    text.print("%-25s ", entry.name);
    write_limit(text, limit.soft);
    write_limit(text, limit.hard);
    text.print("%-10s\n", entry.unit);
  }
  return {};
}

Result<void> write_name(TextWriter& text, uint64_t id) {
  Result<ThreadInfo> thread = thread_info(id);
  if (thread.is_error()) return thread.error();
  text.print("%s\n", thread.value().name);
  return {};
}

/// Sums over the threads when `id` is the process, else those of one thread.
Result<void> write_stat(TextWriter& text, uint64_t id) {
  Result<ThreadInfo> found = thread_info(id);
  if (found.is_error()) return found.error();
  const ThreadInfo& self = found.value();
  uint64_t user = self.user_nanoseconds;
  uint64_t system = self.system_nanoseconds;
  if (self.id == kProcessId) {
    // Time of threads that ended is part of the CPUs' figures only; what lives is summed up.
    ThreadInfo thread;
    for (int next = 0; next_thread(next, &thread); next = thread.id + 1) {
      if (thread.id == self.id) continue;
      user += thread.user_nanoseconds;
      system += thread.system_nanoseconds;
    }
  }
  const ProcessMemory memory = process_memory();
  const ArgumentArea& area = argument_area();
  // Fields as numbered in proc_pid_stat(5).
  text.print("%d (%s) %c 0 %d %d 0 -1 4194304 ", self.id, self.name, self.state, kProcessId,
             kProcessId);                                                // 1-9
  text.print("%llu 0 0 0 ", static_cast<LongLong>(memory.page_faults));  // 10-13
  text.print("%llu %llu 0 0 ", static_cast<LongLong>(user / kNanosecondsPerTick),
             static_cast<LongLong>(system / kNanosecondsPerTick));  // 14-17
  text.print("%d %d %u 0 %llu ", 20 + self.nice, self.nice, count_threads(),
             static_cast<LongLong>(self.started_nanoseconds / kNanosecondsPerTick));  // 18-22
  text.print("%llu %llu %llu ", static_cast<LongLong>(memory.virtual_size),
             static_cast<LongLong>(memory.resident / kPageSize),
             static_cast<LongLong>(resource_limit(Resource::ResidentSet).soft));  // 23-25
  text.print("0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 ");                    // 26-47
  text.print("%llu %llu %llu %llu 0\n", static_cast<LongLong>(area.arguments_start),
             static_cast<LongLong>(area.arguments_end),
             static_cast<LongLong>(area.environment_start),
             static_cast<LongLong>(area.environment_end));  // 48-52
  return {};
}

Result<void> write_status(TextWriter& text, uint64_t id) {
  Result<ThreadInfo> found = thread_info(id);
  if (found.is_error()) return found.error();
  const ThreadInfo& thread = found.value();
  const ProcessMemory memory = process_memory();
  text.print("Name:\t%s\n", thread.name);
  const uint32_t mask = creation_mask();
  text.print("Umask:\t0%u%u%u\n", mask >> 6 & 7, mask >> 3 & 7, mask & 7);
  text.print("State:\t%c (%s)\n", thread.state, thread.state == 'R' ? "running" : "sleeping");
  text.print("Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t0\nTracerPid:\t0\n", kProcessId, thread.id);
  text.put("Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t256\nGroups:\t \n");
  const struct {
    const char* name;
    uint64_t bytes;
  } lines[] = {
      {"VmPeak:", max_of(memory.virtual_size, memory.peak_resident)},
      {"VmSize:", memory.virtual_size},
      {"VmHWM:", memory.peak_resident},
      {"VmRSS:", memory.resident},
      {"RssAnon:", memory.resident - memory.resident_file},
      {"RssFile:", memory.resident_file},
      {"RssShmem:", 0},
      {"VmPTE:", memory.page_tables},
      {"VmSwap:", 0},
  };
  for (const auto& line : lines) {
    text.print("%s\t%8llu kB\n", line.name, to_kibibytes(line.bytes));
  }
  text.print("Threads:\t%u\n", count_threads());
  text.put("NoNewPrivs:\t0\nSeccomp:\t0\n");
  return {};
}

}  // namespace

const GeneratedName kProcessFiles[] = {
    {"statm", write_statm, 0444},
    {"environ", write_environment, 0400},
    {"auxv", write_auxiliary, 0400},
    {"limits", write_limits, 0444},
    {"oom_score", write_out_of_memory_score, 0444},
    {"oom_score_adj", write_out_of_memory_score, 0444},
    {"mountinfo", write_mount_information, 0444},
    {"mounts", write_mounts, 0444},
};
const size_t kProcessFileCount = array_size(kProcessFiles);

const GeneratedName kThreadFiles[] = {
    {"stat", write_stat, 0444}, {"status", write_status, 0444}, {"comm", write_name, 0444},
    {"maps", write_maps, 0444}, {"cgroup", write_cgroup, 0444}, {"cmdline", write_arguments, 0444},
};
const size_t kThreadFileCount = array_size(kThreadFiles);

}  // namespace runtime
