// For those who bring CPUs up.
#pragma once

#include "arch/x86_64/cpu.h"

namespace runtime {

/// Adds a CPU and gives it its index. By one CPU at a time.
void add_cpu(CpuLocal* cpu);

}  // namespace runtime
