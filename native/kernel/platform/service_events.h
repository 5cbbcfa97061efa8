// Event words: how anything in the kernel wakes the thread of a bare isolate that drives devices. The first
// one is the system isolate's; each driver that has an isolate of its own has another.
#pragma once

#include <kernel_interface.h>
#include <stdint.h>

#include "lib/result.h"

namespace runtime {

/// The system isolate's word, which is always open.
constexpr uint32_t kServiceWord = 0;
constexpr uint32_t kEventWords = 32;

/// Takes a free word, with no bit set. Errors: NoSpace.
Result<uint32_t> open_event_word();
/// Gives a word back; nobody may wait for it. A late notice does no harm: who has the word next looks
/// once in vain.
void close_event_word(uint32_t word);
/// Sets bits, RUNTIME_EVENT_*, of a word and wakes who waits for them. Interrupt-safe.
void notify_event_word(uint32_t word, uint32_t bits);
/// Blocks until a bit of `mask` is set or the monotonic clock reaches `deadline` (nanoseconds;
/// RUNTIME_NO_DEADLINE: never). Clears the bits of `mask` in the same step and returns which were set.
uint32_t wait_for_event_word(uint32_t word, uint32_t mask, uint64_t deadline);

/// The same for the system isolate's word.
inline void notify_service(uint32_t bits) { notify_event_word(kServiceWord, bits); }
inline uint32_t wait_for_service_events(uint32_t mask, uint64_t deadline) {
  return wait_for_event_word(kServiceWord, mask, deadline);
}

}  // namespace runtime
