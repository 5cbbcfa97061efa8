// KVM's paravirtual clock: a record for each CPU from which the time follows, and the wall clock.
// Source: Linux Documentation/virt/kvm/x86/msr.rst and cpuid.rst.
#pragma once

#include <stdint.h>

#include "lib/types.h"
#include "time/clock_page.h"

namespace runtime {

/// Looks for KVM and its clock; records for the CPUs lie in the page `records` at physical address
/// `physical`. Enables this CPU's. Returns false when the hypervisor has none.
bool kvmclock_initialise(volatile ParavirtualTime* records, PhysAddr physical);
/// The same on a further CPU, once kvmclock_initialise() succeeded.
void kvmclock_initialise_secondary();
/// True when one record holds for all CPUs.
bool kvmclock_is_stable();
/// Nanoseconds on KVM's clock, which other CPUs may see later by some. Interrupts are off.
uint64_t kvmclock_read();
/// The same by the first CPU's record, from any CPU: for what need not be exact to the microsecond.
uint64_t kvmclock_now();
/// The frequency of the time-stamp counter by the record, in hertz.
uint64_t kvmclock_tsc_frequency();
/// Nanoseconds since 1970 when KVM's clock read 0; asks the hypervisor each time, so that it is right
/// after the machine was paused. Not for two CPUs at once.
uint64_t kvmclock_wall_base();
/// True once after the machine was paused.
bool kvmclock_was_stopped();

}  // namespace runtime
