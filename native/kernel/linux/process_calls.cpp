// Who the process is and what it used: uname(2), getrusage(2), times(2), sysinfo(2), credentials(7),
// capabilities(7), getrandom(2). There is one process and no users: ids are 0, and changing them is
// refused.
#include "lib/format.h"
#include "linux/cpu_clock.h"
#include "linux/load_average.h"
#include "linux/process_info.h"
#include "linux/random.h"
#include "linux/system_calls.h"
#include "linux/time_convert.h"
#include "linux/vfs.h"
#include "memory/frames.h"
#include "sched/scheduler.h"

namespace runtime {

namespace {

constexpr int kParentProcessId = 0;  // nobody, as for the first process of a container

template <typename T>
Result<uint64_t> write_out(UserPtr<void> destination, const T& value) {
  Result<void> written = destination.cast<T>().write(value);
  if (written.is_error()) return written.error();
  return 0;
}

// --- uname(2)

constexpr size_t kNameFieldSize = 65;

/// struct utsname.
struct SystemName {
  char system[kNameFieldSize];
  char node[kNameFieldSize];
  char release[kNameFieldSize];
  char version[kNameFieldSize];
  char machine[kNameFieldSize];
  char domain[kNameFieldSize];
};

/// The name that the host gave the machine, or the first line of /etc/hostname; returns false when there
/// is none.
bool read_host_name(char* name, size_t capacity) {
  const StringView given = machine_host_name();
  if (!given.is_empty() && given.size < capacity) {
    memcpy(name, given.data, given.size);
    name[given.size] = '\0';
    return true;
  }
  Result<RefPtr<File>> file = vfs_open("/etc/hostname", kOpenReadOnly);
  if (file.is_error()) return false;
  IoBuffer buffer = IoBuffer::kernel(name, capacity - 1);
  Result<size_t> length = file.value()->read(buffer);
  if (length.is_error()) return false;
  size_t end = 0;
  while (end < length.value() && static_cast<unsigned char>(name[end]) > ' ') ++end;
  name[end] = '\0';
  return end > 0;
}

// --- getrusage(2)

constexpr int kUsageSelf = 0;
constexpr int kUsageChildren = -1;
constexpr int kUsageThread = 1;

/// struct rusage.
struct ResourceUsage {
  TimeValue user;
  TimeValue system;
  int64_t peak_resident_kibibytes;
  int64_t shared_text, unshared_data, unshared_stack;
  int64_t minor_faults, major_faults;
  int64_t swaps;
  int64_t blocks_in, blocks_out;
  int64_t messages_sent, messages_received;
  int64_t signals;
  int64_t voluntary_switches, involuntary_switches;
};
static_assert(sizeof(ResourceUsage) == 144, "struct rusage is 144 bytes on x86-64");

uint64_t context_switches() {
  uint64_t switches = 0;
  for (unsigned cpu = 0; cpu < cpu_info().count; ++cpu) {
    switches += cpu_times(cpu).context_switches;
  }
  return switches;
}

// --- sysinfo(2)

/// struct sysinfo.
struct SystemFigures {
  int64_t uptime_seconds;
  uint64_t loads[3];
  uint64_t total_memory, free_memory, shared_memory, buffer_memory;
  uint64_t total_swap, free_swap;
  uint16_t processes;  // Linux counts threads here
  uint16_t padding[3];
  uint64_t total_high, free_high;
  uint32_t unit;
  uint32_t padding_end;
};
static_assert(sizeof(SystemFigures) == 112, "struct sysinfo is 112 bytes on x86-64");

// --- times(2)

/// struct tms, in clock ticks.
struct ProcessTimes {
  int64_t user, system, children_user, children_system;
};
constexpr uint64_t kTicksPerSecond = 100;  // USER_HZ, sysconf(_SC_CLK_TCK)

int64_t to_ticks(uint64_t nanoseconds) {
  return static_cast<int64_t>(nanoseconds / (kNanosecondsPerSecond / kTicksPerSecond));
}

// --- capget(2)

struct CapabilityHeader {
  uint32_t version;
  int32_t process;
};
/// One word of each of the three sets.
struct CapabilityData {
  uint32_t effective, permitted, inheritable;
};
constexpr uint32_t kCapabilityVersion1 = 0x19980330;
constexpr uint32_t kCapabilityVersion2 = 0x20071026;
constexpr uint32_t kCapabilityVersion3 = 0x20080522;
constexpr uint64_t kAllCapabilities = (1ull << 41) - 1;  // up to CAP_CHECKPOINT_RESTORE, as in 6.1

bool is_own_process(int process) { return process == 0 || process == kProcessId; }

/// setuid(2) and setgid(2): nobody but the superuser exists.
Result<uint64_t> change_identity(uint32_t id) {
  if (id == UINT32_MAX) return Errno::Invalid;
  if (id != 0) return Errno::Perm;
  return 0;
}

Result<uint64_t> write_identities(UserPtr<uint32_t> real, UserPtr<uint32_t> effective,
                                  UserPtr<uint32_t> saved) {
  const UserPtr<uint32_t> ids[] = {real, effective, saved};
  for (const UserPtr<uint32_t>& id : ids) {
    Result<void> written = id.write(0);
    if (written.is_error()) return written.error();
  }
  return 0;
}

// --- getrandom(2)

constexpr uint32_t kRandomNonBlocking = 1;
constexpr uint32_t kRandomPool = 2;
constexpr uint32_t kRandomInsecure = 4;
constexpr uint64_t kLargestRandomRead = INT32_MAX;
constexpr size_t kRandomChunk = 256;
constexpr unsigned kRandomReadyBits = 256;

}  // namespace

Result<uint64_t> sys_uname(UserPtr<void> result) {
  SystemName name;
  memset(&name, 0, sizeof(name));
  format(name.system, sizeof(name.system), "Linux");
  if (!read_host_name(name.node, sizeof(name.node))) {
    format(name.node, sizeof(name.node), "runtime");
  }
  format(name.release, sizeof(name.release), "6.1.0-runtime");
  const StringView version = kernel_version();
  format(name.version, sizeof(name.version), "Runtime.JS %.*s", static_cast<int>(version.size),
         version.data);
  format(name.machine, sizeof(name.machine), "x86_64");
  format(name.domain, sizeof(name.domain), "(none)");
  return write_out(result, name);
}

Result<uint64_t> sys_getrusage(int who, UserPtr<void> usage) {
  ResourceUsage result;
  memset(&result, 0, sizeof(result));
  CpuTimeUsed used = {0, 0};
  switch (who) {
    case kUsageSelf:
      used = process_cpu_time();
      result.voluntary_switches = static_cast<int64_t>(context_switches());
      break;
    case kUsageThread:
      used = thread_cpu_time(*Thread::current());
      break;
    case kUsageChildren:
      return write_out(usage, result);  // there are no children
    default:
      return Errno::Invalid;
  }
  const ProcessMemory memory = process_memory();
  result.user = to_time_value(used.user);
  result.system = to_time_value(used.system);
  result.peak_resident_kibibytes = static_cast<int64_t>(memory.peak_resident / 1024);
  // Every fault is minor: nothing is read from a disk.
  result.minor_faults = static_cast<int64_t>(memory.page_faults);
  return write_out(usage, result);
}

Result<uint64_t> sys_sysinfo(UserPtr<void> result) {
  SystemFigures figures;
  memset(&figures, 0, sizeof(figures));
  const FrameStatistics frames = frame_statistics();
  const LoadAverages load = load_averages();
  figures.uptime_seconds = static_cast<int64_t>(monotonic_nanoseconds() / kNanosecondsPerSecond);
  for (unsigned i = 0; i < 3; ++i) figures.loads[i] = load.values[i];
  figures.total_memory = frames.total;
  figures.free_memory = frames.free;
  figures.shared_memory = vfs_tmpfs_bytes();
  figures.processes = static_cast<uint16_t>(thread_count());
  figures.unit = 1;
  return write_out(result, figures);
}

Result<uint64_t> sys_times(UserPtr<void> result) {
  if (result) {
    const CpuTimeUsed used = process_cpu_time();
    const ProcessTimes times = {to_ticks(used.user), to_ticks(used.system), 0, 0};
    Result<uint64_t> written = write_out(result, times);
    if (written.is_error()) return written;
  }
  return static_cast<uint64_t>(to_ticks(monotonic_nanoseconds()));
}

Result<uint64_t> sys_getpid() { return kProcessId; }
Result<uint64_t> sys_getppid() { return kParentProcessId; }
Result<uint64_t> sys_getuid() { return 0; }
Result<uint64_t> sys_getgid() { return 0; }
Result<uint64_t> sys_geteuid() { return 0; }
Result<uint64_t> sys_getegid() { return 0; }
Result<uint64_t> sys_setuid(uint32_t user) { return change_identity(user); }
Result<uint64_t> sys_setgid(uint32_t group) { return change_identity(group); }

Result<uint64_t> sys_getresuid(UserPtr<uint32_t> real, UserPtr<uint32_t> effective,
                               UserPtr<uint32_t> saved) {
  return write_identities(real, effective, saved);
}

Result<uint64_t> sys_getresgid(UserPtr<uint32_t> real, UserPtr<uint32_t> effective,
                               UserPtr<uint32_t> saved) {
  return write_identities(real, effective, saved);
}

Result<uint64_t> sys_getgroups(int size, UserPtr<uint32_t> list) {
  (void)list;
  if (size < 0) return Errno::Invalid;
  return 0;  // no supplementary groups
}

// The process leads its own session and group, as the first process of a container does.
Result<uint64_t> sys_getpgrp() { return kProcessId; }

Result<uint64_t> sys_getpgid(int process) {
  if (!is_own_process(process)) return Errno::NoProcess;
  return kProcessId;
}

Result<uint64_t> sys_getsid(int process) {
  if (!is_own_process(process)) return Errno::NoProcess;
  return kProcessId;
}

Result<uint64_t> sys_setpgid(int process, int group) {
  if (group < 0) return Errno::Invalid;
  if (!is_own_process(process)) return Errno::NoProcess;
  return Errno::Perm;  // a session leader keeps its group
}

Result<uint64_t> sys_setsid() { return Errno::Perm; }  // already a group leader

Result<uint64_t> sys_capget(UserPtr<void> header_address, UserPtr<void> data) {
  const UserPtr<CapabilityHeader> header_pointer = header_address.cast<CapabilityHeader>();
  Result<CapabilityHeader> header = header_pointer.read();
  if (header.is_error()) return header.error();
  size_t words;
  switch (header.value().version) {
    case kCapabilityVersion1:
      words = 1;
      break;
    case kCapabilityVersion2:
    case kCapabilityVersion3:
      words = 2;
      break;
    default: {
      // Tells the version that is understood; with no data that was the whole question.
      const CapabilityHeader known = {kCapabilityVersion3, header.value().process};
      Result<void> written = header_pointer.write(known);
      if (written.is_error()) return written.error();
      if (data.is_null()) return 0;
      return Errno::Invalid;
    }
  }
  if (header.value().process < 0) return Errno::Invalid;
  if (!is_own_process(header.value().process) && !find_thread(header.value().process)) {
    return Errno::NoProcess;
  }
  if (data.is_null()) return 0;
  CapabilityData sets[2];
  for (size_t i = 0; i < 2; ++i) {
    const uint32_t word = static_cast<uint32_t>(kAllCapabilities >> (32 * i));
    sets[i] = CapabilityData{word, word, 0};
  }
  Result<void> written = data.cast<CapabilityData>().write_array(sets, words);
  if (written.is_error()) return written.error();
  return 0;
}

Result<uint64_t> sys_getrandom(UserPtr<void> buffer, uint64_t size, uint32_t flags) {
  if (flags & ~(kRandomNonBlocking | kRandomPool | kRandomInsecure)) return Errno::Invalid;
  if ((flags & kRandomPool) && (flags & kRandomInsecure)) return Errno::Invalid;
  if (!(flags & kRandomInsecure) && random_seed_bits() < kRandomReadyBits) {
    if (flags & kRandomNonBlocking) return Errno::Again;
    Result<void> ready = random_wait_until_ready();
    if (ready.is_error()) return ready.error();
  }
  const uint64_t wanted = min_of(size, kLargestRandomRead);
  uint8_t chunk[kRandomChunk];
  uint64_t done = 0;
  while (done < wanted) {
    const size_t part = static_cast<size_t>(min_of<uint64_t>(wanted - done, sizeof(chunk)));
    random_bytes(chunk, part);
    Result<void> copied = copy_to_user(buffer.address() + done, chunk, part);
    if (copied.is_error()) {
      if (done) return done;
      return copied.error();
    }
    done += part;
    if (Scheduler::needs_reschedule()) Scheduler::yield();
  }
  memset(chunk, 0, sizeof(chunk));
  asm volatile("" : : "r"(chunk) : "memory");  // keeps the wipe
  return done;
}

}  // namespace runtime
