// What the CPU is, as Linux names it, and whether it has what Node and the kernel need.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "linux/process_info.h"

namespace runtime {

/// Reads the CPU's identity and features into `cpu_info()`. Call once, early; needs no heap.
void cpu_features_initialise();
/// Complete `cpu_info()` with what only calibration and CPU start-up know.
void set_cpu_count(unsigned count);
void set_cpu_frequency(uint64_t hertz);

/// Checks that the CPU has what stock Node and this kernel cannot do without. On failure returns
/// false and writes a sentence that names the missing features and the remedy.
bool check_required_cpu_features(char* message, size_t capacity);

}  // namespace runtime
