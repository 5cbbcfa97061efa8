// For those who bring CPUs up.
#pragma once

#include "arch/x86_64/cpu.h"

namespace runtime {

/// Adds a CPU and gives it its index. The scheduler's lock is held, or only one CPU runs.
void add_cpu(CpuLocal* cpu);

}  // namespace runtime
