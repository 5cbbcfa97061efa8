// The local APIC's registers, in memory or, in x2APIC mode, as machine-specific registers. Sources: Intel SDM
// volume 3, 10.4 to 10.6 (xAPIC) and 10.12 (x2APIC).
//
// x2APIC mode is taken wherever the CPU offers it: under a hypervisor its accesses are cheaper, and CPUs with
// ids above 254 can be reached in no other way. Firmware may have turned it on already; it cannot be left then.
#pragma once

#include <stdint.h>

namespace runtime {

/// Offsets in the register page; each is a word.
namespace apic_register {
constexpr uint32_t kId = 0x20;
constexpr uint32_t kTaskPriority = 0x80;
constexpr uint32_t kEndOfInterrupt = 0xb0;
constexpr uint32_t kSpurious = 0xf0;
constexpr uint32_t kCommandLow = 0x300;
constexpr uint32_t kCommandHigh = 0x310;
constexpr uint32_t kTimer = 0x320;
constexpr uint32_t kLint0 = 0x350;
constexpr uint32_t kTimerInitial = 0x380;
constexpr uint32_t kTimerCurrent = 0x390;
constexpr uint32_t kTimerDivide = 0x3e0;
}  // namespace apic_register

/// Ids that a CPU can have in each mode; the next one means all CPUs.
constexpr uint32_t kHighestMemoryApicId = 0xfe;
constexpr uint32_t kHighestX2ApicId = 0xfffffffe;

class LocalApic {
 public:
  /// Takes up the first CPU's APIC in the mode that it will stay in. `registers` is where its page is mapped;
  /// not used in x2APIC mode.
  void start(bool has_x2apic, volatile uint32_t* registers);
  /// Has the APIC of a further CPU, on which this runs, enter the same mode.
  void enter_mode() const;

  bool is_x2apic() const { return is_x2apic_; }
  uint32_t highest_id() const { return is_x2apic_ ? kHighestX2ApicId : kHighestMemoryApicId; }
  uint32_t id() const;
  uint32_t read(uint32_t offset) const;
  void write(uint32_t offset, uint32_t value) const;
  /// Sends `command`, the low half of the command register, to the CPU with an id. Interrupts are off: the two
  /// halves must not be mixed with those of a handler.
  void send(uint32_t to, uint32_t command) const;

 private:
  volatile uint32_t* registers_ = nullptr;
  bool is_x2apic_ = false;
};

/// The machine-specific registers; tests on the host bring their own.
uint64_t apic_read_msr(uint32_t msr);
void apic_write_msr(uint32_t msr, uint64_t value);
/// What was stored in memory before is seen by whoever receives what is sent after: a write to an x2APIC's
/// register does not wait for them (SDM volume 3, 10.12.3).
void apic_store_fence();

}  // namespace runtime
