// One timer of the HPET as an alarm that sends the first CPU a non-maskable interrupt.
#pragma once

#include <stdint.h>

namespace runtime {

/// Looks for a timer and a line for it. Returns false when the machine has none.
bool hpet_alarm_initialise();
/// Sets the alarm to so many seconds from now; replaces an earlier one. It comes from the second call on,
/// which is to be some time after the first.
void hpet_alarm_set(uint64_t seconds);
/// True when the alarm has come. Usable in any context.
bool hpet_alarm_has_come();

}  // namespace runtime
