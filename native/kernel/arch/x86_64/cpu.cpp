// Descriptor tables and per-CPU set-up. Source: Intel SDM volume 3, chapters 3, 5, 6 and 7.7.
#include "arch/x86_64/cpu.h"

#include "boot/image_layout.h"
#include "lib/string.h"
#include "lib/types.h"

namespace runtime {

namespace {

struct __attribute__((packed)) TaskStateSegment {
  uint32_t reserved0;
  uint64_t privilege_stacks[3];
  uint64_t reserved1;
  uint64_t interrupt_stacks[7];
  uint64_t reserved2;
  uint16_t reserved3;
  uint16_t io_map_base;
};

struct InterruptGate {
  uint16_t offset_low;
  uint16_t selector;
  uint8_t stack_index;
  uint8_t type;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};

struct __attribute__((packed)) TablePointer {
  uint16_t limit;
  uint64_t base;
};

constexpr uint16_t kCodeSelector = 8;
constexpr uint16_t kTaskSelector = 24;
constexpr uint8_t kPresentInterruptGate = 0x8e;

// IST stacks: one for interrupts and exceptions, which are copied off it at once, and one for each
// exception that stays.
constexpr unsigned kInterruptStack = 1;
constexpr unsigned kDoubleFaultStack = 2;
constexpr unsigned kNonMaskableStack = 3;
constexpr unsigned kMachineCheckStack = 4;
constexpr unsigned kStackCount = 4;
constexpr size_t kInterruptStackSize = 8192;

alignas(16) uint8_t interrupt_stacks[kStackCount][kInterruptStackSize];
alignas(16) uint64_t descriptor_table[5];
alignas(16) InterruptGate gates[256];
alignas(16) TaskStateSegment task_state;
CpuLocal boot_cpu;

unsigned stack_for(unsigned vector) {
  switch (vector) {
    case 2:
      return kNonMaskableStack;
    case 8:
      return kDoubleFaultStack;
    case 18:
      return kMachineCheckStack;
    default:
      return kInterruptStack;
  }
}

}  // namespace

extern "C" char interrupt_stubs[];
extern "C" char system_call_entry[];

void cpu_initialise() {
  descriptor_table[1] = 0x00af9b000000ffffull;  // 64-bit code
  descriptor_table[2] = 0x00cf93000000ffffull;  // data
  const uint64_t task = reinterpret_cast<uint64_t>(&task_state);
  descriptor_table[3] = (sizeof(task_state) - 1) | (task & 0xffffff) << 16 | 0x89ull << 40 |
                        (task >> 24 & 0xff) << 56;
  descriptor_table[4] = task >> 32;
  for (unsigned i = 0; i < kStackCount; ++i)
    task_state.interrupt_stacks[i] =
        reinterpret_cast<uint64_t>(interrupt_stacks[i]) + kInterruptStackSize;
  task_state.io_map_base = sizeof(task_state);

  const TablePointer gdt = {sizeof(descriptor_table) - 1,
                            reinterpret_cast<uint64_t>(descriptor_table)};
  asm volatile(
      "lgdt %0\n"
      "pushq $8\n"
      "leaq 1f(%%rip), %%rax\n"
      "pushq %%rax\n"
      "lretq\n"
      "1: movl $16, %%eax\n"
      "movl %%eax, %%ss\n"
      "movl %%eax, %%ds\n"
      "movl %%eax, %%es\n"
      "xorl %%eax, %%eax\n"
      "movl %%eax, %%fs\n"
      "movl %%eax, %%gs\n"
      :
      : "m"(gdt)
      : "rax", "memory");
  asm volatile("ltr %w0" : : "r"(kTaskSelector));

  // Stubs have a fixed stride (entry.S aligns them to 16).
  for (unsigned vector = 0; vector < 256; ++vector) {
    const uint64_t address = reinterpret_cast<uint64_t>(interrupt_stubs) + vector * 16;
    gates[vector] = {static_cast<uint16_t>(address),
                     kCodeSelector,
                     static_cast<uint8_t>(stack_for(vector)),
                     kPresentInterruptGate,
                     static_cast<uint16_t>(address >> 16),
                     static_cast<uint32_t>(address >> 32),
                     0};
  }
  const TablePointer idt = {sizeof(gates) - 1, reinterpret_cast<uint64_t>(gates)};
  asm volatile("lidt %0" : : "m"(idt));

  boot_cpu.self = &boot_cpu;
  boot_cpu.kernel_stack_top = reinterpret_cast<uint64_t>(boot_stack_top);
  boot_cpu.kernel_stack_base = boot_cpu.kernel_stack_top - 16384;
  write_msr(kMsrGsBase, reinterpret_cast<uint64_t>(&boot_cpu));

  // SYSCALL loads CS 8 and SS 16: ring 0, where the application already is.
  write_msr(kMsrStar, static_cast<uint64_t>(kCodeSelector) << 32);
  write_msr(kMsrLstar, reinterpret_cast<uint64_t>(system_call_entry));
  write_msr(kMsrSyscallMask, kFlagInterrupt | kFlagTrap | kFlagDirection | 1 << 18);
}

void set_kernel_stack(uint64_t base, uint64_t top) {
  CpuLocal& cpu = this_cpu();
  cpu.kernel_stack_base = base;
  cpu.kernel_stack_top = top;
}

}  // namespace runtime
