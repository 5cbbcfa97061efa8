// Symbols that the linker script defines, and where the kernel lives.
#pragma once

#include <stdint.h>

#pragma GCC visibility push(hidden)
extern "C" {
extern char kernel_start[], kernel_text_start[], kernel_text_end[], kernel_rodata_end[],
    kernel_end[];
extern char gate_start[], gate_end[];
extern uint64_t boot_entry_tsc, boot_kind, boot_information;
extern char boot_stack_top[];
}
#pragma GCC visibility pop

namespace runtime {

constexpr uint64_t kKernelPhysical = 0x200000;

/// Where the packer says that the base archive is (section .runtime.base).
struct BaseImageDescriptor {
  uint64_t physical_address;
  uint64_t size;
};
extern volatile const BaseImageDescriptor base_image;

/// Virtual address of the kernel's first byte.
inline uint64_t kernel_base() { return reinterpret_cast<uint64_t>(kernel_start); }
inline uint64_t kernel_size() { return static_cast<uint64_t>(kernel_end - kernel_start); }

}  // namespace runtime
