// The registers of interrupted code, as entry.S pushes them. entry.S and signal frames depend on
// the order.
#pragma once

#include <stdint.h>

namespace runtime {

struct TrapFrame {
  uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
  uint64_t rax, rcx, rdx, rsi, rdi;
  uint64_t vector;  // interrupt vector, or kSystemCallVector
  uint64_t error;   // CPU error code; for a system call its number
  uint64_t rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(TrapFrame) == 22 * 8, "entry.S pushes 22 words");

/// Pseudo vector of frames that the `syscall` entry pushes.
constexpr uint64_t kSystemCallVector = 256;

}  // namespace runtime
