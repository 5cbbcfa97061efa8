#include "acpi/power.h"

#include "acpi/fixed_description.h"
#include "acpi/sleep_package.h"
#include "acpi/tables.h"
#include "arch/x86_64/ports.h"
#include "boot/console_port.h"
#include "lib/format.h"
#include "memory/address_space.h"

namespace runtime {

namespace {

// PM1 control register: ACPI 6.5, 4.8.3.2.1.
constexpr uint16_t kSciEnable = 1u << 0;
constexpr uint16_t kSleepTypeShift = 10;
constexpr uint16_t kSleepTypeMask = 7u << kSleepTypeShift;
constexpr uint16_t kSleepEnable = 1u << 13;
// Sleep control register of hardware-reduced machines: ACPI 6.5, 4.8.3.7.
constexpr uint8_t kReducedSleepTypeShift = 2;
constexpr uint8_t kReducedSleepEnable = 1u << 5;

// PM1 status and enable registers: ACPI 6.5, 4.8.3.1.

constexpr uint16_t kPciAddressPort = 0xcf8;
constexpr uint16_t kPciDataPort = 0xcfc;
constexpr uint16_t kKeyboardControllerPort = 0x64;
constexpr uint8_t kKeyboardInputFull = 0x02;
constexpr uint8_t kKeyboardPulseReset = 0xfe;

/// Polls of a port while the machine obeys: far longer than it takes, and bounded.
constexpr unsigned kPatience = 2 * 1000 * 1000;
/// Reading it has no effect but takes about a microsecond.
constexpr uint16_t kDelayPort = 0x80;

/// A register that is ready to use: memory registers are mapped ahead, since a panic cannot map.
struct MappedRegister {
  AcpiRegister reg;
  volatile uint8_t* memory = nullptr;

  bool is_usable() const {
    return reg.is_present() && (reg.space != AcpiRegister::Space::Memory || memory != nullptr);
  }
};

FixedDescription fixed;
MappedRegister control_a;
MappedRegister control_b;
MappedRegister reset;
MappedRegister sleep_control;
SleepType soft_off;
bool can_power_off = false;
bool is_initialised = false;

void wait_a_while(unsigned polls) {
  for (; polls; --polls) in8(kDelayPort);
}

MappedRegister map_register(const AcpiRegister& reg) {
  constexpr size_t kLargestRegister = 2;
  MappedRegister result;
  result.reg = reg;
  if (!reg.is_present() || reg.space != AcpiRegister::Space::Memory) return result;
  const uint64_t start = align_down(reg.address, kPageSize);
  const uint64_t offset = reg.address - start;
  Result<void*> mapped =
      map_device(PhysAddr(start), align_up(offset + kLargestRegister, kPageSize));
  if (mapped.is_error()) return result;
  result.memory = static_cast<volatile uint8_t*>(mapped.value()) + offset;
  return result;
}

/// True for what PM1 control registers may be: two bytes at a port or in memory.
bool is_control_register(const MappedRegister& target) {
  return target.is_usable() && target.reg.space != AcpiRegister::Space::PciConfiguration;
}

uint16_t read_control(const MappedRegister& source) {
  if (source.memory) return *reinterpret_cast<volatile uint16_t*>(source.memory);
  return in16(static_cast<uint16_t>(source.reg.address));
}

void write_control(const MappedRegister& target, uint16_t value) {
  if (target.memory) {
    *reinterpret_cast<volatile uint16_t*>(target.memory) = value;
  } else {
    out16(static_cast<uint16_t>(target.reg.address), value);
  }
}

/// Writes a one-byte register in any of the spaces (reset and sleep control registers).
void write_byte(const MappedRegister& target, uint8_t value) {
  const uint64_t address = target.reg.address;
  switch (target.reg.space) {
    case AcpiRegister::Space::Port:
      out8(static_cast<uint16_t>(address), value);
      return;
    case AcpiRegister::Space::Memory:
      *target.memory = value;
      return;
    case AcpiRegister::Space::PciConfiguration: {
      // Bus 0; device, function and offset are the address's words (ACPI 6.5, table 5.1).
      const uint32_t device = static_cast<uint32_t>(address >> 32) & 0x1f;
      const uint32_t function = static_cast<uint32_t>(address >> 16) & 0x7;
      const uint32_t offset = static_cast<uint32_t>(address) & 0xff;
      out32(kPciAddressPort, 1u << 31 | device << 11 | function << 8 | (offset & ~3u));
      out8(static_cast<uint16_t>(kPciDataPort + (offset & 3)), value);
      return;
    }
  }
}

/// Moves the machine from legacy to ACPI mode if it is not there (ACPI 6.5, 16.3.1).
void enable_acpi_mode() {
  if (read_control(control_a) & kSciEnable) return;
  if (!fixed.smi_command_port || !fixed.acpi_enable) return;  // always in ACPI mode
  out8(fixed.smi_command_port, fixed.acpi_enable);
  for (unsigned i = 0; i < kPatience; ++i) {
    if (read_control(control_a) & kSciEnable) return;
    in8(kDelayPort);
  }
}

void write_sleep_type(const MappedRegister& target, uint8_t type, uint16_t enable) {
  const uint16_t kept =
      read_control(target) & static_cast<uint16_t>(~(kSleepTypeMask | kSleepEnable));
  write_control(target, static_cast<uint16_t>(kept | type << kSleepTypeShift | enable));
}

void enter_soft_off() {
  if (fixed.is_hardware_reduced) {
    write_byte(sleep_control,
               static_cast<uint8_t>(soft_off.a << kReducedSleepTypeShift | kReducedSleepEnable));
    return;
  }
  enable_acpi_mode();
  const bool has_b = is_control_register(control_b);
  // The type goes first, the enable bit in a second write (ACPI 6.5, 16.1.7).
  write_sleep_type(control_a, soft_off.a, 0);
  if (has_b) write_sleep_type(control_b, soft_off.b, 0);
  write_sleep_type(control_a, soft_off.a, kSleepEnable);
  if (has_b) write_sleep_type(control_b, soft_off.b, kSleepEnable);
}

[[noreturn]] void halt_for_ever() {
  for (;;) asm volatile("cli; hlt" : : : "memory");
}

void reset_by_keyboard_controller() {
  for (unsigned i = 0; i < 1000 && (in8(kKeyboardControllerPort) & kKeyboardInputFull); ++i) {
    in8(kDelayPort);
  }
  out8(kKeyboardControllerPort, kKeyboardPulseReset);
}

[[noreturn]] void reset_by_triple_fault() {
  // With an empty interrupt table no handler can be found, not even for the double fault.
  struct __attribute__((packed)) {
    uint16_t limit;
    uint64_t base;
  } const empty_table = {0, 0};
  asm volatile("lidt %0; int3" : : "m"(empty_table) : "memory");
  halt_for_ever();
}

}  // namespace

void power_initialise() {
  if (is_initialised) return;
  is_initialised = true;
  const uint8_t* table;
  size_t size;
  if (!acpi_find_table("FACP", &table, &size) || !parse_fixed_description(table, size, &fixed)) {
    return;  // acpi_initialise has said why
  }
  control_a = map_register(fixed.control_a);
  control_b = map_register(fixed.control_b);
  reset = map_register(fixed.reset);
  sleep_control = map_register(fixed.sleep_control);
  if (!acpi_table_at(PhysAddr(fixed.dsdt), "DSDT", &table, &size)) {
    log(LogLevel::Warn, "ACPI: there is no sound DSDT; power off will not work");
    return;
  }
  const bool has_type =
      find_soft_off_type(table + sizeof(AcpiHeader), size - sizeof(AcpiHeader), &soft_off);
  const bool has_register =
      fixed.is_hardware_reduced ? sleep_control.is_usable() : is_control_register(control_a);
  if (!has_type || !has_register) {
    log(LogLevel::Warn, "ACPI: the tables do not say how to power off (%s is missing)",
        has_type ? "the control register" : "a plain _S5_ package");
    return;
  }
  can_power_off = true;
}

void power_enable_acpi_mode() {
  if (!fixed.is_hardware_reduced && is_control_register(control_a)) enable_acpi_mode();
}

void write_soft_off(uint32_t control_a_value, uint32_t control_b_value) {
  if (fixed.is_hardware_reduced) {
    if (sleep_control.is_usable()) write_byte(sleep_control, static_cast<uint8_t>(control_a_value));
  } else {
    if (is_control_register(control_a))
      write_control(control_a, static_cast<uint16_t>(control_a_value));
    if (is_control_register(control_b))
      write_control(control_b, static_cast<uint16_t>(control_b_value));
  }
  wait_a_while(kPatience);
}

void machine_power_off() {
  asm volatile("cli" : : : "memory");
  console_flush();
  if (can_power_off) {
    enter_soft_off();
    wait_a_while(kPatience);
  }
  log(LogLevel::Error, "power off is not available, CPU halted");
  console_flush();
  halt_for_ever();
}

void machine_reboot() {
  asm volatile("cli" : : : "memory");
  console_flush();
  if (reset.is_usable()) {
    write_byte(reset, fixed.reset_value);
    wait_a_while(kPatience / 100);
  }
  reset_by_keyboard_controller();
  wait_a_while(kPatience / 100);
  reset_by_triple_fault();
}

}  // namespace runtime
