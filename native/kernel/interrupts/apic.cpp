// Sources: Intel SDM volume 3, chapter 10; 82093AA I/O APIC data sheet; ACPI 6.4, 5.2.12 (MADT).
#include "interrupts/apic.h"

#include "acpi/tables.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/ports.h"
#include "interrupts/local_apic.h"
#include "lib/format.h"
#include "memory/address_space.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

constexpr uint32_t kCommandAssert = 1 << 14;
constexpr uint32_t kNonMaskable = 4 << 8;  // delivery mode, of messages and lines
constexpr uint32_t kCommandInit = 5 << 8;
constexpr uint32_t kCommandStartup = 6 << 8;
constexpr uint32_t kMasked = 1 << 16;
constexpr uint32_t kDeadlineMode = 2 << 17;
constexpr uint32_t kMsrTscDeadline = 0x6e0;
constexpr uint32_t kActiveLow = 1 << 13;
constexpr uint32_t kLevelTriggered = 1 << 15;
constexpr uint32_t kIoApicVersion = 1;
constexpr uint32_t kRedirection = 0x10;
constexpr uint32_t kDivideBy1 = 0xb;
constexpr uint64_t kDefaultIoApic = 0xfec00000;

LocalApic local_apic;
/// The first CPU's: where interrupts go that cannot be sent to the one that asks.
uint32_t first_apic_id = 0;

/// One I/O APIC: registers are reached through an index and a window.
struct IoApic {
  volatile uint32_t* registers = nullptr;
  uint64_t address = 0;
  uint32_t first_line = 0;
  uint32_t line_count = 0;
};
constexpr unsigned kMaximumIoApics = 4;
IoApic io_apics[kMaximumIoApics];
unsigned io_apic_count = 0;
SpinLock io_apic_lock(LockRank::Device);

struct LegacyRoute {
  uint32_t interrupt;
  uint16_t flags;
  bool is_override;
};
LegacyRoute routes[16];

/// Where device interrupts of this CPU go: I/O APICs and messages name ids of 8 bits.
uint32_t device_target() {
  const uint32_t id = local_apic.id();
  return id <= kHighestMemoryApicId ? id : first_apic_id;
}

uint32_t read_io_apic(const IoApic& io_apic, uint32_t index) {
  io_apic.registers[0] = index;
  return io_apic.registers[4];
}
void write_io_apic(const IoApic& io_apic, uint32_t index, uint32_t value) {
  io_apic.registers[0] = index;
  io_apic.registers[4] = value;
}

/// The I/O APIC with the line; null when there is none.
const IoApic* io_apic_of(uint32_t line) {
  for (unsigned i = 0; i < io_apic_count; ++i)
    if (line >= io_apics[i].first_line && line - io_apics[i].first_line < io_apics[i].line_count)
      return &io_apics[i];
  return nullptr;
}

/// Routes a line to `vector` on this CPU; `flags` are the other bits of the redirection entry.
void route(uint32_t line, unsigned vector, uint32_t flags) {
  SpinGuard guard(io_apic_lock);
  const IoApic* const io_apic = io_apic_of(line);
  if (!io_apic) return;
  const uint32_t index = kRedirection + (line - io_apic->first_line) * 2;
  write_io_apic(*io_apic, index + 1, device_target() << 24);
  write_io_apic(*io_apic, index, vector | flags);
}

/// Moves the 8259 pair away from the exception vectors and masks all its lines.
void silence_legacy_controllers() {
  out8(0x20, 0x11);
  out8(0xa0, 0x11);
  out8(0x21, 0x20);
  out8(0xa1, 0x28);
  out8(0x21, 4);
  out8(0xa1, 2);
  out8(0x21, 1);
  out8(0xa1, 1);
  out8(0x21, 0xff);
  out8(0xa1, 0xff);
}

void add_io_apic(uint64_t address, uint32_t first_line) {
  if (io_apic_count == kMaximumIoApics) return;
  io_apics[io_apic_count].address = address;
  io_apics[io_apic_count++].first_line = first_line;
}

/// Reads the I/O APICs' addresses and the overrides of legacy lines from the MADT.
void read_madt() {
  for (unsigned line = 0; line < 16; ++line) routes[line] = {line, 0, false};
  const uint8_t* table = nullptr;
  size_t size = 0;
  if (acpi_find_table("APIC", &table, &size)) {
    for (size_t at = 44; at + 2 <= size && table[at + 1] >= 2 && at + table[at + 1] <= size;
         at += table[at + 1]) {
      const uint8_t* entry = table + at;
      if (entry[0] == 1 && entry[1] >= 12) {
        add_io_apic(*reinterpret_cast<const uint32_t*>(entry + 4),
                    *reinterpret_cast<const uint32_t*>(entry + 8));
      } else if (entry[0] == 2 && entry[1] >= 10 && entry[3] < 16) {
        routes[entry[3]] = {*reinterpret_cast<const uint32_t*>(entry + 4),
                            *reinterpret_cast<const uint16_t*>(entry + 8), true};
      }
    }
  }
  if (io_apic_count == 0) add_io_apic(kDefaultIoApic, 0);
}

void enable_local_apic() {
  local_apic.write(apic_register::kTaskPriority, 0);
  local_apic.write(apic_register::kLint0, kMasked);
  local_apic.write(apic_register::kTimer, kMasked | kTimerVector);
  local_apic.write(apic_register::kTimerDivide, kDivideBy1);
  local_apic.write(apic_register::kSpurious, 0x100 | kSpuriousVector);
}

void send_command(uint32_t to, uint32_t command) {
  const bool enabled = interrupts_enabled();
  disable_interrupts();
  local_apic.send(to, command);
  if (enabled) enable_interrupts();
}

}  // namespace

uint64_t apic_read_msr(uint32_t msr) { return read_msr(msr); }
void apic_write_msr(uint32_t msr, uint64_t value) { write_msr(msr, value); }
void apic_store_fence() { asm volatile("mfence; lfence" : : : "memory"); }

const char* apic_initialise() {
  if (!cpu_has(cpu_feature::kApic))
    return "this CPU has no local APIC; start the VM with -cpu host or -cpu max";
  silence_legacy_controllers();
  Result<void*> mapped = map_device(PhysAddr(read_msr(kMsrApicBase) & 0xffffff000ull), kPageSize);
  if (mapped.is_error()) return "no memory to map the local APIC";
  local_apic.start(cpu_has(cpu_feature::kX2Apic), static_cast<volatile uint32_t*>(mapped.value()));
  first_apic_id = local_apic.id();
  enable_local_apic();

  read_madt();
  for (unsigned i = 0; i < io_apic_count; ++i) {
    IoApic& io_apic = io_apics[i];
    mapped = map_device(PhysAddr(io_apic.address), kPageSize);
    if (mapped.is_error()) return "no memory to map an I/O APIC";
    io_apic.registers = static_cast<volatile uint32_t*>(mapped.value());
    io_apic.line_count = (read_io_apic(io_apic, kIoApicVersion) >> 16 & 0xff) + 1;
  }
  return nullptr;
}

void apic_route_legacy(unsigned line) {
  const LegacyRoute& legacy = routes[line];
  uint32_t flags = 0;
  if ((legacy.flags & 3) == 3) flags |= kActiveLow;
  if ((legacy.flags >> 2 & 3) == 3) flags |= kLevelTriggered;
  route(legacy.interrupt, kLegacyVectorBase + line, flags);
}

InterruptLine apic_line_of_legacy(unsigned legacy) {
  const LegacyRoute& found = routes[legacy];
  const bool is_active_low = !found.is_override || (found.flags & 3) == 3;
  return {found.interrupt, is_active_low, false};
}

bool apic_has_line(uint32_t number) { return io_apic_of(number) != nullptr; }

void apic_route_line(const InterruptLine& line, unsigned vector) {
  route(line.number, vector,
        (line.is_edge_triggered ? 0 : kLevelTriggered) | (line.is_active_low ? kActiveLow : 0));
}

void apic_route_non_maskable(uint32_t number) { route(number, 0, kNonMaskable); }

void apic_mask_line(uint32_t number, bool is_masked) {
  SpinGuard guard(io_apic_lock);
  const IoApic* const io_apic = io_apic_of(number);
  if (!io_apic) return;
  const uint32_t index = kRedirection + (number - io_apic->first_line) * 2;
  const uint32_t entry = read_io_apic(*io_apic, index);
  write_io_apic(*io_apic, index, is_masked ? entry | kMasked : entry & ~kMasked);
}

uint64_t apic_message_address() { return 0xfee00000 | device_target() << 12; }
uint32_t apic_message_data(unsigned vector) { return vector; }  // fixed delivery, edge

void apic_end_of_interrupt() { local_apic.write(apic_register::kEndOfInterrupt, 0); }

uint32_t apic_id() { return local_apic.id(); }
uint32_t apic_highest_id() { return local_apic.highest_id(); }
bool apic_is_x2apic() { return local_apic.is_x2apic(); }

void apic_initialise_secondary() {
  local_apic.enter_mode();
  enable_local_apic();
}

void apic_send(uint32_t to, unsigned vector) { send_command(to, kCommandAssert | vector); }
void apic_send_non_maskable(uint32_t to) { send_command(to, kCommandAssert | kNonMaskable); }
void apic_send_init(uint32_t to) { send_command(to, kCommandAssert | kCommandInit); }
void apic_send_startup(uint32_t to, PhysAddr page) {
  send_command(to, kCommandAssert | kCommandStartup | static_cast<uint32_t>(page.value >> 12));
}

void apic_timer_start(uint32_t ticks) {
  local_apic.write(apic_register::kTimer, kTimerVector);
  local_apic.write(apic_register::kTimerInitial, ticks);
}

void apic_timer_deadline(uint64_t deadline) {
  static uint64_t in_deadline_mode = 0;  // a bit for each CPU
  const uint64_t bit = 1ull << this_cpu().index;
  if (!(__atomic_load_n(&in_deadline_mode, __ATOMIC_RELAXED) & bit)) {
    local_apic.write(apic_register::kTimer, kTimerVector | kDeadlineMode);
    // The mode is set before the deadline is: a write to the register does not wait for one to an MSR
    // (SDM volume 3, 10.5.4.1).
    asm volatile("mfence" : : : "memory");
    __atomic_fetch_or(&in_deadline_mode, bit, __ATOMIC_RELAXED);
  }
  write_msr(kMsrTscDeadline, deadline);
}

void apic_timer_stop() { local_apic.write(apic_register::kTimerInitial, 0); }

uint32_t apic_timer_count() { return local_apic.read(apic_register::kTimerCurrent); }

}  // namespace runtime
