#include "interrupts/local_apic.h"

namespace runtime {

namespace {

constexpr uint32_t kMsrBase = 0x1b;
constexpr uint64_t kBaseEnabled = 1 << 11;
constexpr uint64_t kBaseX2Apic = 1 << 10;
constexpr uint32_t kMsrRegisters = 0x800;
constexpr uint32_t kCommandPending = 1 << 12;

/// Each 16 bytes of the page are one machine-specific register.
constexpr uint32_t msr_of(uint32_t offset) { return kMsrRegisters + (offset >> 4); }

}  // namespace

void LocalApic::start(bool has_x2apic, volatile uint32_t* registers) {
  registers_ = registers;
  is_x2apic_ = has_x2apic || (apic_read_msr(kMsrBase) & kBaseX2Apic) != 0;
  enter_mode();
}

void LocalApic::enter_mode() const {
  // One step after the other: from turned off there is no way straight into x2APIC mode (10.12.5).
  const uint64_t base = apic_read_msr(kMsrBase);
  if (!(base & kBaseEnabled)) apic_write_msr(kMsrBase, base | kBaseEnabled);
  if (is_x2apic_ && !(base & kBaseX2Apic))
    apic_write_msr(kMsrBase, base | kBaseEnabled | kBaseX2Apic);
}

uint32_t LocalApic::read(uint32_t offset) const {
  return is_x2apic_ ? static_cast<uint32_t>(apic_read_msr(msr_of(offset))) : registers_[offset / 4];
}

void LocalApic::write(uint32_t offset, uint32_t value) const {
  if (is_x2apic_) {
    apic_write_msr(msr_of(offset), value);
  } else {
    registers_[offset / 4] = value;
  }
}

uint32_t LocalApic::id() const {
  return is_x2apic_ ? read(apic_register::kId) : read(apic_register::kId) >> 24;
}

void LocalApic::send(uint32_t to, uint32_t command) const {
  if (is_x2apic_) {
    apic_store_fence();
    apic_write_msr(msr_of(apic_register::kCommandLow), static_cast<uint64_t>(to) << 32 | command);
    return;
  }
  while (read(apic_register::kCommandLow) & kCommandPending) asm volatile("pause");
  write(apic_register::kCommandHigh, to << 24);
  write(apic_register::kCommandLow, command);
}

}  // namespace runtime
