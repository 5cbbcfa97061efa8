// Symbols that the linker script defines, and where the kernel lives.
#pragma once

#include <stdint.h>

#pragma GCC visibility push(hidden)
extern "C" {
extern char kernel_start[], kernel_text_start[], kernel_text_end[], kernel_rodata_end[],
    kernel_end[];
extern char gate_start[], gate_end[];
extern uint64_t boot_entry_tsc, boot_kind, boot_information, boot_physical;
extern char boot_stack_top[];
}
#pragma GCC visibility pop

namespace runtime {

/// Where the image is linked to be in physical memory; a loader may have moved it.
constexpr uint64_t kLinkedPhysical = 0x200000;

/// Where the packer says that the base archive is (section .runtime.base), in an image that was not moved. Without
/// an address it is elsewhere, see boot/shared_base.h.
struct BaseImageDescriptor {
  uint64_t physical_address;
  uint64_t size;
  uint64_t stamp;  // made of kernel and base, lib/base/src/pack.ts
};
extern volatile const BaseImageDescriptor base_image;

/// Virtual address of the kernel's first byte.
inline uint64_t kernel_base() { return reinterpret_cast<uint64_t>(kernel_start); }
/// Physical address of the kernel's first byte.
inline uint64_t kernel_physical() { return boot_physical; }
/// Physical address of something in the kernel's image.
inline uint64_t physical_in_image(const volatile void* address) {
  return kernel_physical() + reinterpret_cast<uint64_t>(address) - kernel_base();
}
inline uint64_t kernel_size() { return static_cast<uint64_t>(kernel_end - kernel_start); }

}  // namespace runtime
