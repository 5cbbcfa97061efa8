#include "smp/cpus.h"

#include "interrupts/apic.h"
#include "linux/cpu_features.h"
#include "smp/cpu_table.h"
#include "time/clock.h"
#include "time/clock_source.h"

namespace runtime {

namespace {

CpuLocal* cpus[kMaximumCpus];
unsigned count = 0;

}  // namespace

unsigned cpu_count() { return __atomic_load_n(&count, __ATOMIC_ACQUIRE); }
CpuLocal& cpu_at(unsigned index) { return *cpus[index]; }
uint64_t cpu_mask() {
  const unsigned known = cpu_count();
  return known >= 64 ? UINT64_MAX : (1ull << known) - 1;
}

void add_cpu(CpuLocal* cpu) {
  cpu->index = count;
  cpus[count] = cpu;
  __atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
  set_cpu_count(count);
}

void request_reschedule(CpuLocal& cpu) {
  if (&cpu == &this_cpu()) {
    cpu.reschedule_wanted = 1;
    return;
  }
  if (__atomic_exchange_n(&cpu.reschedule_sent, 1, __ATOMIC_SEQ_CST)) return;
  if (__atomic_load_n(&cpu.is_halted, __ATOMIC_RELAXED))
    __atomic_store_n(&cpu.asked_time, monotonic_nanoseconds(), __ATOMIC_RELAXED);
  // Either the other CPU sees the request after it has said that it does not poll any more, or this one
  // sees that it does not.
  if (__atomic_load_n(&cpu.is_polling, __ATOMIC_SEQ_CST)) return;
  apic_send(cpu.apic_id, kRescheduleVector);
}

bool poll_for_reschedule(uint64_t deadline) {
  CpuLocal& cpu = this_cpu();
  __atomic_store_n(&cpu.is_polling, 1, __ATOMIC_SEQ_CST);
  enable_interrupts();
  // A handler ends what is like a halt.
  while (__atomic_load_n(&cpu.is_halted, __ATOMIC_RELAXED) &&
         !__atomic_load_n(&cpu.reschedule_sent, __ATOMIC_ACQUIRE) &&
         monotonic_nanoseconds() < deadline)
    asm volatile("pause");
  disable_interrupts();
  __atomic_store_n(&cpu.is_polling, 0, __ATOMIC_SEQ_CST);
  const bool was_asked = __atomic_exchange_n(&cpu.reschedule_sent, 0, __ATOMIC_SEQ_CST) != 0;
  return was_asked || !cpu.is_halted;
}

void receive_reschedule() {
  CpuLocal& cpu = this_cpu();
  // Before this CPU looks at its queue. Who sends from now on sends another interrupt; what was queued by
  // those who relied on this one is there.
  __atomic_exchange_n(&cpu.reschedule_sent, 0, __ATOMIC_SEQ_CST);
  cpu.reschedule_wanted = 1;
}

void note_running_timer(Timer* timer) {
  __atomic_store_n(&this_cpu().running_timer, timer, __ATOMIC_RELEASE);
}

void wait_for_running_timer(Timer* timer) {
  for (unsigned i = 0; i < cpu_count(); ++i) {
    if (cpus[i] == &this_cpu()) continue;
    while (__atomic_load_n(&cpus[i]->running_timer, __ATOMIC_ACQUIRE) == timer)
      asm volatile("pause");
  }
}

void stop_other_cpus() {
  for (unsigned i = 0; i < cpu_count(); ++i)
    if (cpus[i] != &this_cpu()) apic_send(cpus[i]->apic_id, kStopVector);
}

void stop_this_cpu() {
  disable_interrupts();
  for (;;) asm volatile("hlt");
}

}  // namespace runtime
