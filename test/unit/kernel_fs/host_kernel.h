// The rest of the kernel, as the file system sees it, made of host parts that tests can steer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace host_kernel {

/// Memory. Frames are host pages; their physical address is their host address.
void set_memory(uint64_t total_bytes);
uint64_t frames_in_use();
/// Makes the n-th heap allocation from now fail (1: the next), once; 0: none.
void fail_allocation(uint64_t which);
uint64_t allocations_in_use();

/// Application memory from `start` to `end` cannot be reached; copies stop there.
void forbid_range(uint64_t start, uint64_t end);

struct Unmapped {
  uint64_t first_page;
};
std::vector<Unmapped> take_unmapped();

/// Log lines so far; clears them.
std::vector<std::string> take_log();
/// What was written to the console; clears it.
std::string take_console();
void type_console(const std::string& text);

/// The wall clock and the monotonic clock, in nanoseconds; both move by 1 ms per look.
void set_time(uint64_t nanoseconds);

}  // namespace host_kernel
