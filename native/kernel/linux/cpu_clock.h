// CPU time that threads and the process used, up to this moment.
#pragma once

#include <stdint.h>

namespace runtime {

class Thread;

struct CpuTimeUsed {
  uint64_t user;    // nanoseconds in the application
  uint64_t system;  // nanoseconds in the kernel on its behalf

  uint64_t total() const { return user + system; }
};

/// Of one thread. For the calling thread that includes the system call it is in.
CpuTimeUsed thread_cpu_time(const Thread& thread);
/// Of the process: all its threads, with those that have ended.
CpuTimeUsed process_cpu_time();

}  // namespace runtime
