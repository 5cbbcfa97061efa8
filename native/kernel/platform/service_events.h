// The event word of the system isolate's host: how anything in the kernel wakes its thread.
#pragma once

#include <kernel_interface.h>
#include <stdint.h>

namespace runtime {

/// Sets bits, RUNTIME_EVENT_*, and wakes who waits for them. Interrupt-safe.
void notify_service(uint32_t bits);
/// Blocks until a bit of `mask` is set or the monotonic clock reaches `deadline` (nanoseconds;
/// RUNTIME_NO_DEADLINE: never). Clears the bits of `mask` in the same step and returns which were set.
uint32_t wait_for_service_events(uint32_t mask, uint64_t deadline);

}  // namespace runtime
