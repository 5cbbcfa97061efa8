// What the kernel and the vDSO's image agree on.
//
//   [vvar]  the kernel interface | ClockPage | the hypervisor's records (ParavirtualTime) | [vdso] the image
//           read                                                                          read, execute
#pragma once

#include <stdint.h>

namespace runtime {

/// Pages for clocks in front of the image; image.ld has the same number.
constexpr unsigned kVdsoDataPages = 2;
/// And in front of those.
constexpr unsigned kInterfacePages = 1;
/// Where CpuLocal has the CPU's index; cpu.cpp checks it.
constexpr uint64_t kCpuIndexOffset = 72;

}  // namespace runtime
