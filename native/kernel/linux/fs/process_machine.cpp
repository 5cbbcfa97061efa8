// /proc about the machine: proc(5), sections meminfo, cpuinfo, stat, uptime, loadavg and sys.
#include "linux/fs/inode_file.h"
#include "linux/fs/process_files.h"
#include "linux/load_average.h"
#include "linux/process_info.h"
#include "linux/vfs.h"
#include "memory/frames.h"
#include "time/clock.h"

namespace runtime {

namespace {

constexpr int kThreadsMaximum = 32768;
constexpr int kAreasMaximum = 65530;  // Linux's default vm.max_map_count
constexpr int kListenBacklogMaximum = 4096;

using LongLong = unsigned long long;

LongLong ticks(uint64_t nanoseconds) { return nanoseconds / kNanosecondsPerTick; }

unsigned count_threads(char state) {
  unsigned count = 0;
  ThreadInfo thread;
  for (int id = 0; next_thread(id, &thread); id = thread.id + 1) {
    if (!state || thread.state == state) ++count;
  }
  return count;
}

Result<void> write_memory(TextWriter& text, uint64_t) {
  const FrameStatistics frames = frame_statistics();
  const ProcessMemory process = process_memory();
  const uint64_t files = file_bytes();
  const uint64_t anonymous = process.resident - process.resident_file;
  const struct {
    const char* name;
    uint64_t bytes;
  } lines[] = {
      {"MemTotal:", frames.total},
      {"MemFree:", frames.free},
      {"MemAvailable:", frames.free},  // nothing that is in use can be given back
      {"Buffers:", 0},
      {"Cached:", files},
      {"SwapCached:", 0},
      {"Active:", anonymous + files},
      {"Inactive:", 0},
      {"Active(anon):", anonymous + files},
      {"Inactive(anon):", 0},
      {"Active(file):", 0},
      {"Inactive(file):", 0},
      {"Unevictable:", 0},
      {"Mlocked:", 0},
      {"SwapTotal:", 0},
      {"SwapFree:", 0},
      {"Dirty:", 0},
      {"Writeback:", 0},
      {"AnonPages:", anonymous},
      {"Mapped:", process.resident_file},
      {"Shmem:", files},
      {"KReclaimable:", 0},
      {"Slab:", kernel_heap_bytes()},
      {"SReclaimable:", 0},
      {"SUnreclaim:", kernel_heap_bytes()},
      {"PageTables:", process.page_tables},
      {"CommitLimit:", frames.total},
      {"Committed_AS:", process.resident + files},
      {"VmallocTotal:", 0},
      {"VmallocUsed:", 0},
      {"VmallocChunk:", 0},
  };
  for (const auto& line : lines) {
    text.print("%-15s %8llu kB\n", line.name, to_kibibytes(line.bytes));
  }
  text.put("HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\n");
  text.put("HugePages_Surp:        0\nHugepagesize:       2048 kB\n");
  return {};
}

Result<void> write_cpus(TextWriter& text, uint64_t) {
  const CpuInfo& cpu = cpu_info();
  const LongLong kilohertz = cpu.frequency_hertz / 1000;
  for (unsigned i = 0; i < cpu.count; ++i) {
    text.print("processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n", i, cpu.vendor,
               cpu.family, cpu.model);
    text.print("model name\t: %s\nstepping\t: %u\n", cpu.model_name, cpu.stepping);
    text.print("cpu MHz\t\t: %llu.%03llu\n", kilohertz / 1000, kilohertz % 1000);
    text.print("physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n", cpu.count, i,
               cpu.count);
    text.print("apicid\t\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\nflags\t\t: ", i);
    text.put(cpu.flags);
    // Linux derives bogomips from the time-stamp counter too: two loops per cycle.
    text.print("\nbogomips\t: %llu.%02llu\n\n", kilohertz / 500, kilohertz / 5 % 100);
  }
  return {};
}

void write_cpu_line(TextWriter& text, const CpuTimes& times) {
  // user nice system idle iowait irq softirq steal guest guest_nice
  text.print(" %llu 0 %llu %llu 0 0 0 0 0 0\n", ticks(times.user), ticks(times.system),
             ticks(times.idle));
}

Result<void> write_statistics(TextWriter& text, uint64_t) {
  CpuTimes sum = {0, 0, 0, 0, 0};
  for (unsigned i = 0; i < cpu_info().count; ++i) {
    const CpuTimes times = cpu_times(i);
    sum.user += times.user;
    sum.system += times.system;
    sum.idle += times.idle;
    sum.interrupts += times.interrupts;
    sum.context_switches += times.context_switches;
  }
  text.put("cpu ");
  write_cpu_line(text, sum);
  for (unsigned i = 0; i < cpu_info().count; ++i) {
    text.print("cpu%u", i);
    write_cpu_line(text, cpu_times(i));
  }
  const LongLong booted =
      (wall_clock_nanoseconds() - monotonic_nanoseconds()) / kNanosecondsPerSecond;
  text.print("intr %llu\nctxt %llu\nbtime %llu\n", static_cast<LongLong>(sum.interrupts),
             static_cast<LongLong>(sum.context_switches), booted);
  text.print("processes %u\nprocs_running %u\nprocs_blocked 0\n", count_threads(0),
             count_threads('R'));
  return {};
}

Result<void> write_uptime(TextWriter& text, uint64_t) {
  uint64_t idle = 0;
  for (unsigned i = 0; i < cpu_info().count; ++i) idle += cpu_times(i).idle;
  const LongLong up_ticks = ticks(monotonic_nanoseconds());
  text.print("%llu.%02llu %llu.%02llu\n", up_ticks / 100, up_ticks % 100, ticks(idle) / 100,
             ticks(idle) % 100);
  return {};
}

Result<void> write_load(TextWriter& text, uint64_t) {
  const LoadAverages averages = load_averages();
  for (uint32_t value : averages.values) {
    const uint32_t whole = value >> kLoadFractionBits;
    const uint32_t fraction = value & ((1u << kLoadFractionBits) - 1);
    text.print("%u.%02u ", whole, static_cast<unsigned>((fraction * 100ull) >> kLoadFractionBits));
  }
  ThreadInfo thread;
  int last_id = 0;
  while (next_thread(last_id + 1, &thread)) last_id = thread.id;
  text.print("%u/%u %d\n", count_threads('R'), count_threads(0), last_id);
  return {};
}

Result<void> write_version(TextWriter& text, uint64_t) {
  const StringView version = kernel_version();
  text.print("Linux version 6.1.0-runtime (Runtime.JS %.*s, Linux system calls only)\n",
             static_cast<int>(version.size), version.data);
  return {};
}

Result<void> write_command_line(TextWriter& text, uint64_t) {
  text.put(kernel_command_line());
  text.put("\n");
  return {};
}

Result<void> write_file_systems(TextWriter& text, uint64_t) {
  text.put("nodev\tramfs\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tproc\nnodev\tsysfs\n");
  return {};
}

Result<void> write_host_name(TextWriter& text, uint64_t) {
  if (!machine_host_name().is_empty()) {
    text.put(machine_host_name());
    text.put("\n");
    return {};
  }
  char name[65];
  Result<RefPtr<File>> file = vfs_open("/etc/hostname", kOpenReadOnly);
  size_t size = 0;
  if (!file.is_error()) {
    IoBuffer buffer = IoBuffer::kernel(name, sizeof(name) - 1);
    // Not read(): its lock ranks below the one that is held here.
    Result<size_t> length = file.value()->read_at(buffer, 0);
    while (!length.is_error() && size < length.value() &&
           static_cast<unsigned char>(name[size]) > ' ') {
      ++size;
    }
  }
  text.put(size ? StringView(name, size) : StringView("runtime"));  // as uname(2) has it
  text.put("\n");
  return {};
}

void write_uuid(TextWriter& text, const uint8_t (&bytes)[16]) {
  for (unsigned i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.put("-");
    text.print("%02x", bytes[i]);
  }
  text.put("\n");
}

/// A version 4 UUID, RFC 9562 section 5.4.
void make_uuid(uint8_t (&bytes)[16]) {
  random_bytes(bytes, sizeof(bytes));
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
}

Result<void> write_random_uuid(TextWriter& text, uint64_t) {
  uint8_t bytes[16];
  make_uuid(bytes);
  write_uuid(text, bytes);
  return {};
}

Result<void> write_boot_uuid(TextWriter& text, uint64_t) {
  static uint8_t bytes[16];
  static bool is_made = false;
  if (!is_made) {
    make_uuid(bytes);
    is_made = true;
  }
  write_uuid(text, bytes);
  return {};
}

Result<void> write_entropy(TextWriter& text, uint64_t) {
  text.put("256\n");
  return {};
}

Result<void> write_release(TextWriter& text, uint64_t) {
  text.put("6.1.0-runtime\n");
  return {};
}

Result<void> write_type(TextWriter& text, uint64_t) {
  text.put("Linux\n");
  return {};
}

Result<void> write_threads_maximum(TextWriter& text, uint64_t) {
  text.print("%d\n", kThreadsMaximum);
  return {};
}

Result<void> write_areas_maximum(TextWriter& text, uint64_t) {
  text.print("%d\n", kAreasMaximum);
  return {};
}

Result<void> write_overcommit(TextWriter& text, uint64_t) {
  text.put("1\n");  // reservations always succeed; memory is counted when it is touched
  return {};
}

Result<void> write_backlog_maximum(TextWriter& text, uint64_t) {
  text.print("%d\n", kListenBacklogMaximum);
  return {};
}

Result<void> write_descriptors_maximum(TextWriter& text, uint64_t) {
  text.print("%d\n", 65536);
  return {};
}

Result<void> write_system_calls(TextWriter& text, uint64_t) {
  const char* name;
  uint64_t count;
  for (size_t cursor = 0; next_counted_call(&cursor, &name, &count);)
    text.print("%s %llu\n", name, static_cast<LongLong>(count));
  return {};
}

Result<void> write_watches_maximum(TextWriter& text, uint64_t) {
  text.put("65536\n");
  return {};
}

}  // namespace

Result<void> write_mounts(TextWriter& text, uint64_t) {
  for_each_file_system([&](FileSystem& file_system) {
    text.print("%s %s %s %s,relatime 0 0\n", file_system.source, file_system.mount_point,
               file_system.type, file_system.is_read_only ? "ro" : "rw");
  });
  return {};
}

Result<void> write_mount_information(TextWriter& text, uint64_t) {
  for_each_file_system([&](FileSystem& file_system) {
    const char* access = file_system.is_read_only ? "ro" : "rw";
    const unsigned parent = &file_system == &file_systems().shared_memory
                                ? file_systems().devices.minor
                                : file_systems().root.minor;
    text.print("%u %u 0:%u / %s %s,relatime - %s %s %s\n", file_system.minor,
               file_system.minor == 1 ? 0 : parent, file_system.minor, file_system.mount_point,
               access, file_system.type, file_system.source, access);
  });
  return {};
}

const GeneratedName kMachineFiles[] = {
    {"meminfo", write_memory, 0444},
    {"cpuinfo", write_cpus, 0444},
    {"stat", write_statistics, 0444},
    {"uptime", write_uptime, 0444},
    {"loadavg", write_load, 0444},
    {"version", write_version, 0444},
    {"cmdline", write_command_line, 0444},
    {"filesystems", write_file_systems, 0444},
    {"system_calls", write_system_calls, 0444},  // of ours
    {"sys/kernel/pid_max", write_threads_maximum, 0444},
    {"sys/kernel/threads-max", write_threads_maximum, 0444},
    {"sys/kernel/osrelease", write_release, 0444},
    {"sys/kernel/ostype", write_type, 0444},
    {"sys/kernel/hostname", write_host_name, 0444},
    {"sys/kernel/random/uuid", write_random_uuid, 0444},
    {"sys/kernel/random/boot_id", write_boot_uuid, 0444},
    {"sys/kernel/random/entropy_avail", write_entropy, 0444},
    {"sys/kernel/random/poolsize", write_entropy, 0444},
    {"sys/vm/overcommit_memory", write_overcommit, 0444},
    {"sys/vm/max_map_count", write_areas_maximum, 0444},
    {"sys/fs/file-max", write_descriptors_maximum, 0444},
    {"sys/fs/nr_open", write_descriptors_maximum, 0444},
    {"sys/fs/inotify/max_user_watches", write_watches_maximum, 0444},
    {"sys/fs/inotify/max_user_instances", write_watches_maximum, 0444},
    {"sys/net/core/somaxconn", write_backlog_maximum, 0444},
};
const size_t kMachineFileCount = array_size(kMachineFiles);

}  // namespace runtime
