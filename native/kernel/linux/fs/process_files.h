// The generators of /proc, by subject; linux/fs/process_tree.cpp puts them into the tree.
#pragma once

#include "linux/fs/generated.h"

namespace runtime {

/// Clock ticks of /proc and times(2): sysconf(_SC_CLK_TCK) is 100.
constexpr uint64_t kNanosecondsPerTick = 10000000;

/// Files of /proc/PID that speak of the whole process.
extern const GeneratedName kProcessFiles[];
extern const size_t kProcessFileCount;
/// Files of /proc/PID and of /proc/PID/task/TID; the argument is the thread's id.
extern const GeneratedName kThreadFiles[];
extern const size_t kThreadFileCount;
/// Files of /proc and below that speak of the machine; names are paths from /proc.
extern const GeneratedName kMachineFiles[];
extern const size_t kMachineFileCount;
/// Likewise, of its devices.
extern const GeneratedName kDeviceFiles[];
extern const size_t kDeviceFileCount;

/// Adds the lines of /proc/mounts and /proc/self/mountinfo.
Result<void> write_mounts(TextWriter& text, uint64_t unused);
Result<void> write_mount_information(TextWriter& text, uint64_t unused);

/// Sizes in KiB, as most of /proc has them.
constexpr unsigned long long to_kibibytes(uint64_t bytes) { return bytes / 1024; }

}  // namespace runtime
