#include "linux/resource_limits.h"

#include "linux/fd_table.h"
#include "linux/process_info.h"
#include "linux/system_calls.h"
#include "sched/thread.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

constexpr uint64_t kMebibyte = 1024 * 1024;
constexpr uint64_t kDescriptors = kMaximumDescriptors;

/// Starts with what Linux gives its first process, with the descriptors this kernel really has.
struct Limits {
  ResourceLimit entries[kResourceCount] = {
      {kNoLimit, kNoLimit},          // CpuSeconds
      {kNoLimit, kNoLimit},          // FileSize
      {kNoLimit, kNoLimit},          // Data
      {8 * kMebibyte, kNoLimit},     // Stack
      {0, 0},                        // Core: there are no core files
      {kNoLimit, kNoLimit},          // ResidentSet
      {kNoLimit, kNoLimit},          // Processes
      {kDescriptors, kDescriptors},  // Descriptors
      {kNoLimit, kNoLimit},          // LockedMemory: nothing is ever swapped
      {kNoLimit, kNoLimit},          // AddressSpace
      {kNoLimit, kNoLimit},          // FileLocks
      {kNoLimit, kNoLimit},          // PendingSignals
      {819200, 819200},              // MessageQueues
      {0, 0},                        // Nice
      {0, 0},                        // RealTimePriority
      {kNoLimit, kNoLimit},          // RealTimeMicroseconds
  };
};

Locked<Limits> limits(LockRank::Log);  // nothing is taken while it is held

/// True when `process` names the one process: 0, its id, or one of its threads.
bool is_this_process(int process) {
  return process == 0 || process == kProcessId || find_thread(process);
}

/// Checks a new limit as Linux does for a privileged caller. Errors: Invalid, Perm.
Result<void> check_limit(Resource resource, const ResourceLimit& limit) {
  if (limit.soft > limit.hard) return Errno::Invalid;
  if (resource == Resource::Descriptors && limit.hard > kDescriptors) return Errno::Perm;
  return {};
}

}  // namespace

ResourceLimit resource_limit(Resource resource) {
  return limits.with([resource](Limits& l) { return l.entries[static_cast<unsigned>(resource)]; });
}

Result<uint64_t> sys_prlimit64(int process, int resource, UserPtr<void> new_limit,
                               UserPtr<void> old_limit) {
  if (resource < 0 || static_cast<unsigned>(resource) >= kResourceCount) return Errno::Invalid;
  if (!is_this_process(process)) return Errno::NoProcess;
  ResourceLimit wanted = {0, 0};
  if (new_limit) {
    Result<ResourceLimit> read = new_limit.cast<ResourceLimit>().read();
    if (read.is_error()) return read.error();
    wanted = read.value();
    Result<void> allowed = check_limit(static_cast<Resource>(resource), wanted);
    if (allowed.is_error()) return allowed.error();
  }
  const bool changes = !new_limit.is_null();
  const ResourceLimit before = limits.with([resource, changes, &wanted](Limits& l) {
    const ResourceLimit old = l.entries[resource];
    if (changes) l.entries[resource] = wanted;
    return old;
  });
  if (old_limit) {
    Result<void> written = old_limit.cast<ResourceLimit>().write(before);
    if (written.is_error()) return written.error();
  }
  return 0;
}

Result<uint64_t> sys_getrlimit(int resource, UserPtr<void> limit) {
  if (limit.is_null()) return Errno::Fault;
  return sys_prlimit64(0, resource, UserPtr<void>(), limit);
}

}  // namespace runtime
