// Resource limits, getrlimit(2): stored as the application sets them.
#pragma once

#include <stdint.h>

namespace runtime {

constexpr uint64_t kNoLimit = UINT64_MAX;

/// The resources of getrlimit(2), by their numbers on x86-64.
enum class Resource : unsigned {
  CpuSeconds = 0,
  FileSize = 1,
  Data = 2,
  Stack = 3,
  Core = 4,
  ResidentSet = 5,
  Processes = 6,
  Descriptors = 7,
  LockedMemory = 8,
  AddressSpace = 9,
  FileLocks = 10,
  PendingSignals = 11,
  MessageQueues = 12,
  Nice = 13,
  RealTimePriority = 14,
  RealTimeMicroseconds = 15,
};
constexpr unsigned kResourceCount = 16;

/// struct rlimit64.
struct ResourceLimit {
  uint64_t soft;
  uint64_t hard;
};

/// The present limit: for /proc/self/limits and for who enforces it.
ResourceLimit resource_limit(Resource resource);

}  // namespace runtime
