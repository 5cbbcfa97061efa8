// What a clock reading needs, in pages that the application may read: the kernel writes them, the kernel
// and the application's vDSO (vdso/image) read them, without a lock.
//
// Sources: Intel SDM volume 3, 17.17 (time-stamp counter); Linux Documentation/virt/kvm/x86/msr.rst
// (the paravirtual clock that KVM offers).
#pragma once

#include <stdint.h>

namespace runtime {

/// What counts the time.
enum class ClockCounter : uint32_t {
  KernelOnly = 0,        // something that only the kernel reads; also before the clocks run
  TimeStampCounter = 1,  // the CPU's
  Paravirtual = 2,       // the hypervisor's clock, the same on all CPUs; counts nanoseconds
};

/// A consistent copy is one that was read between two equal, even values of `sequence`.
struct ClockPage {
  uint32_t sequence;
  ClockCounter counter;
  uint64_t base_ticks;                // the counter when the other values were written
  uint64_t base_nanoseconds;          // the monotonic clock at that moment
  uint64_t base_raw_nanoseconds;      // the same without the corrections of clock_adjtime(2)
  uint64_t nanoseconds_per_tick;      // 32.32 fixed point
  uint64_t raw_nanoseconds_per_tick;  // likewise
  int64_t wall_offset;                // wall clock less monotonic clock, in nanoseconds
};

/// struct pvclock_vcpu_time_info: the hypervisor writes it. `version` is odd meanwhile.
struct ParavirtualTime {
  uint32_t version;
  uint32_t padding;
  uint64_t tsc_timestamp;
  uint64_t system_time;  // nanoseconds at `tsc_timestamp`
  uint32_t tsc_to_system_multiplier;
  int8_t tsc_shift;
  uint8_t flags;
  uint8_t reserved[2];
};
static_assert(sizeof(ParavirtualTime) == 32, "the hypervisor's layout");

constexpr uint8_t kParavirtualStable = 1 << 0;        // the same on all CPUs, never goes back
constexpr uint8_t kParavirtualGuestStopped = 1 << 1;  // the machine was paused

/// The time-stamp counter, not before what was read earlier in the program's order.
inline uint64_t ordered_time_stamp_counter() {
  uint32_t low, high;
  asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return static_cast<uint64_t>(high) << 32 | low;
}

/// `value` times a 32.32 fixed-point factor.
inline uint64_t multiply_fixed(uint64_t value, uint64_t factor) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(value) * factor >> 32);
}

/// Nanoseconds of the paravirtual clock at counter value `tsc`. Pure.
inline uint64_t paravirtual_nanoseconds(const ParavirtualTime& time, uint64_t tsc) {
  // CPUs' counters differ by little, but may differ: what is before the record counts as at it.
  uint64_t delta = tsc > time.tsc_timestamp ? tsc - time.tsc_timestamp : 0;
  delta = time.tsc_shift < 0 ? delta >> -time.tsc_shift : delta << time.tsc_shift;
  return time.system_time + multiply_fixed(delta, time.tsc_to_system_multiplier);
}

/// Reads the paravirtual clock from a record that the hypervisor may be rewriting.
inline uint64_t read_paravirtual(const volatile ParavirtualTime& record) {
  for (;;) {
    ParavirtualTime copy;
    const uint32_t version = __atomic_load_n(&record.version, __ATOMIC_ACQUIRE);
    copy.tsc_timestamp = record.tsc_timestamp;
    copy.system_time = record.system_time;
    copy.tsc_to_system_multiplier = record.tsc_to_system_multiplier;
    copy.tsc_shift = record.tsc_shift;
    const uint64_t now = paravirtual_nanoseconds(copy, ordered_time_stamp_counter());
    // The reads above are before this one; the hypervisor's writes are between two of `version`.
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (!(version & 1) && version == record.version) return now;
    asm volatile("pause");
  }
}

/// Which of the readings somebody wants.
enum class ClockKind { Monotonic, MonotonicRaw, Wall };

/// Turns ticks into a reading. Pure.
inline uint64_t clock_at(const volatile ClockPage& page, ClockKind kind, uint64_t ticks) {
  // The page may have been written on a CPU whose counter is a little ahead.
  const int64_t since = static_cast<int64_t>(ticks - page.base_ticks);
  const uint64_t elapsed = since > 0 ? static_cast<uint64_t>(since) : 0;
  if (kind == ClockKind::MonotonicRaw)
    return page.base_raw_nanoseconds + multiply_fixed(elapsed, page.raw_nanoseconds_per_tick);
  const uint64_t monotonic =
      page.base_nanoseconds + multiply_fixed(elapsed, page.nanoseconds_per_tick);
  return kind == ClockKind::Wall ? monotonic + static_cast<uint64_t>(page.wall_offset) : monotonic;
}

/// Reads a clock in nanoseconds. `kernel_ticks()` reads a counter that only the kernel can; who has none
/// gets false when that is needed.
template <typename KernelTicks>
inline bool read_clock(const volatile ClockPage& page, const volatile ParavirtualTime& paravirtual,
                       ClockKind kind, KernelTicks kernel_ticks, uint64_t* nanoseconds) {
  for (;;) {
    const uint32_t sequence = __atomic_load_n(&page.sequence, __ATOMIC_ACQUIRE);
    if (!(sequence & 1)) {
      uint64_t ticks = 0;
      switch (page.counter) {
        case ClockCounter::TimeStampCounter:
          ticks = ordered_time_stamp_counter();
          break;
        case ClockCounter::Paravirtual:
          ticks = read_paravirtual(paravirtual);
          break;
        case ClockCounter::KernelOnly:
          if (!kernel_ticks(&ticks)) return false;
          break;
      }
      *nanoseconds = clock_at(page, kind, ticks);
      // The reads above are before this one; the writer changes `sequence` first and last.
      __atomic_thread_fence(__ATOMIC_ACQUIRE);
      if (sequence == page.sequence) return true;
    }
    asm volatile("pause");
  }
}

}  // namespace runtime
