#include "interrupts/statistics.h"

#include "lib/format.h"
#include "smp/cpus.h"

namespace runtime {

namespace {

// Each CPU writes to its own row only.
uint32_t counts[kMaximumCpus][kVectors - kFirstCountedVector];

}  // namespace

void count_interrupt(unsigned vector) {
  if (vector < kFirstCountedVector || vector >= kVectors) return;
  uint32_t& count = counts[this_cpu().index][vector - kFirstCountedVector];
  __atomic_store_n(&count, count + 1, __ATOMIC_RELAXED);
}

void note_stray_interrupt(unsigned vector) {
  static bool is_known[kVectors];
  if (vector >= kVectors || __atomic_exchange_n(&is_known[vector], true, __ATOMIC_RELAXED)) return;
  log(LogLevel::Warn,
      "interrupt on vector %u, which nobody asked for; /proc/interrupts counts the next ones",
      vector);
}

uint32_t interrupt_count(unsigned cpu, unsigned vector) {
  if (cpu >= kMaximumCpus || vector < kFirstCountedVector || vector >= kVectors) return 0;
  return __atomic_load_n(&counts[cpu][vector - kFirstCountedVector], __ATOMIC_RELAXED);
}

}  // namespace runtime
