#include "smp/shootdown.h"

#include "interrupts/apic.h"
#include "memory/page_table.h"
#include "memory/space.h"
#include "smp/cpus.h"

namespace runtime {

namespace {

/// What is asked of all; written before any CPU's `flush_wanted` is set.
const uint64_t* wanted_pages = nullptr;
unsigned wanted_count = 0;

void flush_here(const uint64_t* pages, unsigned count) {
  if (count > kMostSinglePages) {
    flush_all_pages();
  } else {
    for (unsigned i = 0; i < count; ++i) flush_page(pages[i]);
  }
}

}  // namespace

void flush_everywhere(const uint64_t* pages, unsigned count) {
  flush_here(pages, count);
  const unsigned cpus = cpu_count();
  if (cpus < 2) return;
  wanted_pages = pages;
  wanted_count = count;
  CpuLocal& self = this_cpu();
  for (unsigned i = 0; i < cpus; ++i) {
    CpuLocal& cpu = cpu_at(i);
    if (&cpu == &self) continue;
    // Either this CPU sees that the other defers, or the other sees that it has to catch up.
    __atomic_store_n(&cpu.flush_deferred, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&cpu.defers_flush, __ATOMIC_SEQ_CST)) continue;
    // The request is visible to whoever sees the flag.
    __atomic_store_n(&cpu.flush_wanted, 1, __ATOMIC_RELEASE);
    apic_send(cpu.apic_id, kFlushVector);
  }
  for (unsigned i = 0; i < cpus; ++i)
    while (__atomic_load_n(&cpu_at(i).flush_wanted, __ATOMIC_ACQUIRE)) asm volatile("pause");
}

void membarrier_everywhere() {
  SpinGuard guard(memory_lock);
  flush_everywhere(nullptr, 0);
}

bool other_cpus_may_translate() { return cpu_count() > 1; }

void begin_flush_deferral() { __atomic_store_n(&this_cpu().defers_flush, 1, __ATOMIC_SEQ_CST); }

void end_flush_deferral() {
  CpuLocal& cpu = this_cpu();
  __atomic_store_n(&cpu.defers_flush, 0, __ATOMIC_SEQ_CST);
  if (__atomic_exchange_n(&cpu.flush_deferred, 0, __ATOMIC_SEQ_CST)) flush_all_pages();
}

void begin_halt() {
  __atomic_store_n(&this_cpu().is_halted, 1, __ATOMIC_RELAXED);
  begin_flush_deferral();
}

void end_halt() {
  CpuLocal& cpu = this_cpu();
  if (!cpu.is_halted) return;
  __atomic_store_n(&cpu.is_halted, 0, __ATOMIC_RELAXED);
  end_flush_deferral();
}

void serve_flush() {
  CpuLocal& cpu = this_cpu();
  if (!__atomic_load_n(&cpu.flush_wanted, __ATOMIC_ACQUIRE)) return;
  // There is one request at a time: no other one is deferred.
  __atomic_store_n(&cpu.flush_deferred, 0, __ATOMIC_RELAXED);
  flush_here(wanted_pages, wanted_count);
  // Whoever sees the flag cleared knows that the old translations are gone.
  __atomic_store_n(&cpu.flush_wanted, 0, __ATOMIC_RELEASE);
}

}  // namespace runtime
