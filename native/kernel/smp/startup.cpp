// Bringing up the other CPUs. Sources: Intel SDM volume 3, 8.4 (INIT, SIPI); ACPI 6.5, 5.2.12 (MADT).
#include "acpi/tables.h"
#include "arch/x86_64/paging.h"
#include "boot/image_layout.h"
#include "interrupts/apic.h"
#include "interrupts/local_apic.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "memory/address_space.h"
#include "memory/frames.h"
#include "memory/page_table.h"
#include "memory/physical.h"
#include "sched/scheduler_internal.h"
#include "smp/cpus.h"
#include "time/clock_source.h"

#pragma GCC visibility push(hidden)
extern "C" {
extern char trampoline_start[], trampoline_data[], trampoline_end[], trampoline_long_mode[];
extern char boot_pdpt[];
}
#pragma GCC visibility pop

namespace runtime {

namespace {

/// The fields of trampoline.S.
struct TrampolineData {
  uint64_t root;
  uint64_t entry;
  uint32_t far_offset;
  uint32_t far_selector;
  uint16_t gdt_limit;
  uint16_t gdt_base[2];
  uint16_t padding;
  uint32_t record_count;
  uint32_t next_record;
  CpuLocal* records[64];
  uint64_t gdt[3];
};

constexpr unsigned kTablesOrder = 4;
static_assert(kCpuTablesSize <= kPageSize << kTablesOrder, "the tables fit");
constexpr size_t kStackPages = kKernelStackSize / kPageSize;

/// Root table of a CPU on its way: the kernel's half, and memory below 4 GiB in place.
alignas(kPageSize) uint64_t startup_root[512];
uint64_t kernel_root = 0;
uint64_t kernel_cr4 = 0;

/// Local APIC ids of the CPUs that firmware says are usable, this one left out.
uint32_t apic_ids[kMaximumCpus];
unsigned found = 0;
unsigned unreachable = 0;  // their ids are too large
unsigned too_many = 0;
PhysAddr trampoline_page;

void add_apic_id(uint32_t id, uint32_t flags) {
  constexpr uint32_t kEnabled = 1;
  if (!(flags & kEnabled) || id == apic_id()) return;
  // Firmware may name a CPU in both kinds of entries.
  for (unsigned i = 0; i < found; ++i)
    if (apic_ids[i] == id) return;
  if (id > apic_highest_id()) {
    ++unreachable;
  } else if (found == kMaximumCpus - 1) {
    ++too_many;
  } else {
    apic_ids[found++] = id;
  }
}

void find_cpus() {
  const uint8_t* table = nullptr;
  size_t size = 0;
  if (!acpi_find_table("APIC", &table, &size)) return;
  for (size_t at = 44; at + 2 <= size && table[at + 1] >= 2 && at + table[at + 1] <= size;
       at += table[at + 1]) {
    const uint8_t* entry = table + at;
    const uint32_t* words = reinterpret_cast<const uint32_t*>(entry);
    if (entry[0] == 0 && entry[1] >= 8) add_apic_id(entry[3], words[1]);   // local APIC
    if (entry[0] == 9 && entry[1] >= 16) add_apic_id(words[1], words[2]);  // local x2APIC
  }
}

/// Memory, stack and idle thread for one more CPU; null when there is no memory.
CpuLocal* make_cpu() {
  Result<PhysAddr> tables = allocate_frames(kTablesOrder);
  if (tables.is_error()) return nullptr;
  Result<uint64_t> stack = map_kernel_stack(kStackPages);
  if (stack.is_error()) {
    free_frames(tables.value(), kTablesOrder);
    return nullptr;
  }
  CpuLocal* cpu = prepare_cpu(phys_to_virt(tables.value()), 0);
  cpu->kernel_stack_base = stack.value();
  cpu->kernel_stack_top = stack.value() + kKernelStackSize;
  if (!prepare_idle_thread(*cpu)) return nullptr;
  return cpu;
}

/// First C++ code of a further CPU.
[[noreturn]] void secondary_main(CpuLocal* cpu) {
  asm volatile("mov %0, %%cr3" : : "r"(kernel_root) : "memory");
  extended_state_initialise();
  uint64_t cr4;
  asm volatile("mov %%cr4, %0" : "=r"(cr4));
  asm volatile("mov %0, %%cr4" : : "r"(cr4 | kernel_cr4));
  cpu_initialise_secondary(cpu);
  apic_initialise_secondary();
  cpu->apic_id = apic_id();
  join_scheduler(*cpu);
  // What this CPU looked up by itself before others knew that it does.
  flush_all_pages();
  clock_initialise_secondary();
  run_idle_loop(nullptr);
}

}  // namespace

void reset_other_cpus() {
  find_cpus();
  for (unsigned i = 0; i < found; ++i) apic_send_init(apic_ids[i]);
}

void start_other_cpus(PhysAddr low_page) {
  if (unreachable > 0)
    log(LogLevel::Warn,
        "%u CPUs stay off: their APIC ids are above %u, which needs x2APIC; start the VM with a "
        "CPU model "
        "that has it",
        unreachable, kHighestMemoryApicId);
  if (too_many > 0)
    log(LogLevel::Warn, "%u CPUs stay off: %u are used at most", too_many, kMaximumCpus);
  if (found == 0) return;
  if (low_page.value == 0) {
    log(LogLevel::Warn, "no memory below 1 MiB is free: the other CPUs stay off");
    return;
  }
  kernel_root = root_table().value;
  asm volatile("mov %%cr4, %0" : "=r"(kernel_cr4));
  const uint64_t* root = static_cast<const uint64_t*>(phys_to_virt(root_table()));
  for (unsigned i = 256; i < 512; ++i) startup_root[i] = root[i];
  startup_root[0] = physical_in_image(boot_pdpt) | kPagePresent | kPageWrite;

  trampoline_page = low_page;
  char* const code = static_cast<char*>(phys_to_virt(low_page));
  memcpy(code, trampoline_start, static_cast<size_t>(trampoline_end - trampoline_start));
  TrampolineData* const data =
      reinterpret_cast<TrampolineData*>(code + (trampoline_data - trampoline_start));
  data->root = physical_in_image(startup_root);
  data->entry = reinterpret_cast<uint64_t>(secondary_main);
  data->far_offset =
      static_cast<uint32_t>(low_page.value + (trampoline_long_mode - trampoline_start));
  const uint64_t gdt = low_page.value + (reinterpret_cast<char*>(data->gdt) - code);
  data->gdt_base[0] = static_cast<uint16_t>(gdt);
  data->gdt_base[1] = static_cast<uint16_t>(gdt >> 16);
  for (unsigned i = 0; i < found; ++i) {
    CpuLocal* cpu = make_cpu();
    if (!cpu) {
      log(LogLevel::Warn, "no memory for CPU %u: it stays off", i + 1);
      break;
    }
    data->records[data->record_count++] = cpu;
  }
  if (data->record_count > 0) scheduler_expect_several_cpus();
  // What was written is visible before the other CPUs start: the APIC's registers are uncached.
  for (unsigned i = 0; i < data->record_count; ++i) apic_send_startup(apic_ids[i], low_page);
}

void check_other_cpus() {
  log(LogLevel::Debug, "%u CPUs, their APICs %s", cpu_count(),
      apic_is_x2apic() ? "in x2APIC mode" : "in xAPIC mode");
  for (unsigned i = 0; i < found; ++i) {
    bool answered = false;
    for (unsigned cpu = 0; cpu < cpu_count(); ++cpu) answered |= cpu_at(cpu).apic_id == apic_ids[i];
    if (answered) continue;
    log(LogLevel::Warn, "the CPU with APIC id %u does not answer: it is told once more",
        apic_ids[i]);
    apic_send_startup(apic_ids[i], trampoline_page);
  }
}

}  // namespace runtime
