#include "time/kvmclock.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpuid.h"
#include "boot/image_layout.h"
#include "lib/string.h"
#include "smp/cpus.h"

namespace runtime {

namespace {

constexpr uint32_t kHypervisorLeaves = 0x40000000;
constexpr uint32_t kHypervisorLeavesEnd = 0x40010000;
constexpr uint32_t kHypervisorLeavesStep = 0x100;

constexpr uint32_t kFeatureOldClock = 1 << 0;
constexpr uint32_t kFeatureClock = 1 << 3;
constexpr uint32_t kFeatureStable = 1 << 24;

constexpr uint32_t kMsrWallClock = 0x4b564d00;
constexpr uint32_t kMsrSystemTime = 0x4b564d01;
constexpr uint32_t kMsrOldWallClock = 0x11;
constexpr uint32_t kMsrOldSystemTime = 0x12;
constexpr uint64_t kEnable = 1;

constexpr uint64_t kNanoseconds = 1000000000;

/// struct pvclock_wall_clock.
struct WallClockRecord {
  uint32_t version;
  uint32_t seconds;
  uint32_t nanoseconds;
};
alignas(16) volatile WallClockRecord wall_record;

/// One record takes half a cache line; the page has room for two on each line of every CPU.
constexpr unsigned kStride = 2;
static_assert(kMaximumCpus * kStride * sizeof(ParavirtualTime) <= kPageSize, "one page for all");

volatile ParavirtualTime* records = nullptr;
PhysAddr records_address;
uint32_t features = 0;

/// The features leaf of KVM, wherever its leaves begin; 0 without KVM.
uint32_t find_features() {
  if (!cpu_has(cpu_feature::kHypervisor)) return 0;
  for (uint32_t leaf = kHypervisorLeaves; leaf < kHypervisorLeavesEnd;
       leaf += kHypervisorLeavesStep) {
    const CpuidResult found = cpuid(leaf);
    const uint32_t signature[3] = {found.ebx, found.ecx, found.edx};
    if (memcmp(signature, "KVMKVMKVM\0\0\0", sizeof(signature)) == 0) return cpuid(leaf + 1).eax;
  }
  return 0;
}

void enable(unsigned index) {
  const uint64_t address = records_address.value + index * kStride * sizeof(ParavirtualTime);
  write_msr(features & kFeatureClock ? kMsrSystemTime : kMsrOldSystemTime, address | kEnable);
}

}  // namespace

bool kvmclock_initialise(volatile ParavirtualTime* page, PhysAddr physical) {
  features = find_features();
  if (!(features & (kFeatureClock | kFeatureOldClock))) return false;
  records = page;
  records_address = physical;
  enable(0);
  return records[0].tsc_to_system_multiplier != 0;
}

void kvmclock_initialise_secondary() { enable(this_cpu().index); }

bool kvmclock_is_stable() {
  return records && (features & kFeatureStable) && (records[0].flags & kParavirtualStable);
}

uint64_t kvmclock_read() { return read_paravirtual(records[this_cpu().index * kStride]); }

uint64_t kvmclock_now() { return read_paravirtual(records[0]); }

uint64_t kvmclock_tsc_frequency() {
  // The multiplier is nanoseconds per tick, shifted: one second's worth of ticks is its inverse.
  const uint64_t ticks = (kNanoseconds << 32) / records[0].tsc_to_system_multiplier;
  const int shift = records[0].tsc_shift;
  return shift < 0 ? ticks << -shift : ticks >> shift;
}

uint64_t kvmclock_wall_base() {
  const uint64_t address = physical_in_image(&wall_record);
  write_msr(features & kFeatureClock ? kMsrWallClock : kMsrOldWallClock, address);
  // The hypervisor has filled the record by the time that the instruction is over.
  return wall_record.seconds * kNanoseconds + wall_record.nanoseconds;
}

bool kvmclock_was_stopped() {
  if (!records || !(records[0].flags & kParavirtualGuestStopped)) return false;
  uint8_t* const flags = const_cast<uint8_t*>(&records[0].flags);
  __atomic_fetch_and(flags, static_cast<uint8_t>(~kParavirtualGuestStopped), __ATOMIC_RELAXED);
  return true;
}

}  // namespace runtime
