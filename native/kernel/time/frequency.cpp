// Sources: Intel SDM volume 2A, CPUID leaf 15H and volume 3, 10.5.4 (the timer counts the crystal's
// ticks); QEMU's and VMware's leaf 0x40000010 (kHz of the counter and of the APIC timer's bus).
#include "time/frequency.h"

#include "arch/x86_64/cpuid.h"

namespace runtime {

namespace {

constexpr uint32_t kHypervisorBase = 0x40000000;
constexpr uint32_t kHypervisorTiming = 0x40000010;
constexpr uint32_t kCrystal = 0x15;
constexpr uint64_t kHertzPerKilohertz = 1000;
constexpr uint64_t kLowestTscKilohertz = 100 * 1000;

}  // namespace

ToldFrequencies told_frequencies() {
  ToldFrequencies told;
  if (cpu_has(cpu_feature::kHypervisor)) {
    const uint32_t last = cpuid(kHypervisorBase).eax;
    if (last >= kHypervisorTiming && last < kHypervisorBase + 0x100) {
      const CpuidResult timing = cpuid(kHypervisorTiming);
      if (timing.eax >= kLowestTscKilohertz) {
        told.tsc = timing.eax * kHertzPerKilohertz;
        told.apic_timer = timing.ebx * kHertzPerKilohertz;
      }
    }
    return told;  // a hypervisor may pass the CPU's own leaf on, and scale its counter
  }
  const uint64_t denominator = cpuid_word(kCrystal, 0, CpuidRegister::Eax);
  const uint64_t numerator = cpuid_word(kCrystal, 0, CpuidRegister::Ebx);
  const uint64_t crystal = cpuid_word(kCrystal, 0, CpuidRegister::Ecx);
  if (denominator && numerator && crystal) {
    told.tsc = crystal * numerator / denominator;
    told.apic_timer = crystal;
  }
  return told;
}

uint64_t fixed_ratio(uint64_t numerator, uint64_t denominator) {
  const uint64_t whole = numerator / denominator;
  uint64_t rest = numerator % denominator;
  uint64_t fraction = 0;
  for (unsigned bit = 0; bit < 32; ++bit) {
    rest <<= 1;
    fraction <<= 1;
    if (rest >= denominator) {
      rest -= denominator;
      fraction |= 1;
    }
  }
  return whole << 32 | fraction;
}

}  // namespace runtime
