// Starting the machine again after the app has ended (kernel option `restart=`).
//
// The whole machine is reset, so that nothing of a crash is left. Before that it waits: 1 s the first time,
// twice as long each time that follows, at most a minute; an app that ran for a minute starts anew at 1 s.
// The count of restarts must outlive the reset: it is kept in four bytes of the real-time clock's memory
// (CMOS) that firmware does not use, with a check. A cold start clears or invalidates them. A machine
// without that memory waits the whole minute each time.
#pragma once

#include <stdint.h>

namespace runtime {

enum class RestartPolicy : uint8_t { Never, OnFailure, Always };

/// What the clock's memory holds: four bytes, of which two are a check.
struct RestartRecord {
  uint8_t bytes[4];
};

/// Restarts that `record` counts, 0 when it is not valid. Pure.
uint32_t restarts_in_record(const RestartRecord& record);
/// The record of `count` restarts; counts beyond 255 stay there. Pure.
RestartRecord make_restart_record(uint32_t count);
/// Seconds to wait before a restart that follows `count` others: 1, 2, 4 and so on up to 60. Pure.
uint32_t restart_pause_seconds(uint32_t count);

void set_restart_policy(RestartPolicy policy);
/// True when the machine is to start again after the app has ended with `code`. Not after the power
/// button.
bool restart_is_wanted(int code);
/// Waits as long as the count of restarts wants it, and resets the machine. `can_halt` is whether the
/// CPU may halt meanwhile: in a thread, with interrupts on. Else it waits busily.
[[noreturn]] void restart_after_pause(bool can_halt);
/// True while restart_after_pause waits. Interrupt-safe.
bool is_waiting_to_restart();

}  // namespace runtime
