// Descriptor tables and per-CPU set-up. Source: Intel SDM volume 3, chapters 3, 5, 6 and 7.7.
#include "arch/x86_64/cpu.h"

#include "boot/image_layout.h"
#include "lib/new.h"
#include "lib/string.h"
#include "lib/types.h"
#include "vdso/layout.h"

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
constexpr size_t kBootStackSize = 16384;

}  // namespace

/// What each CPU has for itself.
struct CpuTables {
  alignas(16) uint8_t interrupt_stacks[kStackCount][kInterruptStackSize];
  alignas(16) uint64_t descriptor_table[5];
  alignas(16) TaskStateSegment task_state;
  CpuLocal local;
};
static_assert(sizeof(CpuTables) <= kCpuTablesSize, "cpu.h knows how large this is");
static_assert(offsetof(CpuLocal, index) == kCpuIndexOffset, "the vDSO knows where this is");

namespace {

alignas(16) InterruptGate gates[256];
CpuTables boot_tables = {};

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

namespace {

void load_descriptor_table(CpuTables& tables) {
  uint64_t* const descriptors = tables.descriptor_table;
  descriptors[1] = 0x00af9b000000ffffull;  // 64-bit code
  descriptors[2] = 0x00cf93000000ffffull;  // data
  const uint64_t task = reinterpret_cast<uint64_t>(&tables.task_state);
  descriptors[3] = (sizeof(TaskStateSegment) - 1) | (task & 0xffffff) << 16 | 0x89ull << 40 |
                   (task >> 24 & 0xff) << 56;
  descriptors[4] = task >> 32;
  for (unsigned i = 0; i < kStackCount; ++i)
    tables.task_state.interrupt_stacks[i] =
        reinterpret_cast<uint64_t>(tables.interrupt_stacks[i]) + kInterruptStackSize;
  tables.task_state.io_map_base = sizeof(TaskStateSegment);

  const TablePointer gdt = {sizeof(tables.descriptor_table) - 1,
                            reinterpret_cast<uint64_t>(descriptors)};
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
}

/// Stubs have a fixed stride (entry.S aligns them to 16).
void fill_gates() {
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
}

void start_cpu(CpuTables& tables, uint64_t stack_base, uint64_t stack_top) {
  load_descriptor_table(tables);
  const TablePointer idt = {sizeof(gates) - 1, reinterpret_cast<uint64_t>(gates)};
  asm volatile("lidt %0" : : "m"(idt));

  tables.local.self = &tables.local;
  tables.local.kernel_stack_top = stack_top;
  tables.local.kernel_stack_base = stack_base;
  write_msr(kMsrGsBase, reinterpret_cast<uint64_t>(&tables.local));

  // SYSCALL loads CS 8 and SS 16: ring 0, where the application already is.
  write_msr(kMsrStar, static_cast<uint64_t>(kCodeSelector) << 32);
  write_msr(kMsrLstar, reinterpret_cast<uint64_t>(system_call_entry));
  write_msr(kMsrSyscallMask, kFlagInterrupt | kFlagTrap | kFlagDirection | 1 << 18);
}

}  // namespace

void cpu_initialise() {
  fill_gates();
  const uint64_t stack_top = reinterpret_cast<uint64_t>(boot_stack_top);
  start_cpu(boot_tables, stack_top - kBootStackSize, stack_top);
}

CpuLocal* prepare_cpu(void* memory, unsigned index) {
  CpuTables* const tables = new (memory) CpuTables();
  tables->local.index = index;
  return &tables->local;
}

void cpu_initialise_secondary(CpuLocal* local) {
  CpuTables* const tables =
      reinterpret_cast<CpuTables*>(reinterpret_cast<uint64_t>(local) - offsetof(CpuTables, local));
  start_cpu(*tables, local->kernel_stack_base, local->kernel_stack_top);
}

void set_kernel_stack(uint64_t base, uint64_t top) {
  CpuLocal& cpu = this_cpu();
  cpu.kernel_stack_base = base;
  cpu.kernel_stack_top = top;
}

}  // namespace runtime
