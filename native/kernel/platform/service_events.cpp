#include "platform/service_events.h"

#include "sched/wait_queue.h"
#include "time/clock.h"

namespace runtime {

namespace {

struct EventWord {
  uint32_t bits = 0;  // atomic
  WaitQueue queue;
};

EventWord words[kEventWords];
uint32_t open_words = 1u << kServiceWord;  // atomic; a bit for each
static_assert(kEventWords == 32, "a bit for each word");

}  // namespace

Result<uint32_t> open_event_word() {
  uint32_t before = __atomic_load_n(&open_words, __ATOMIC_RELAXED);
  for (;;) {
    if (before == UINT32_MAX) return Errno::NoSpace;
    const uint32_t word = static_cast<uint32_t>(__builtin_ctz(~before));
    if (__atomic_compare_exchange_n(&open_words, &before, before | 1u << word, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
      __atomic_store_n(&words[word].bits, 0, __ATOMIC_SEQ_CST);
      return word;
    }
  }
}

void close_event_word(uint32_t word) {
  if (word == kServiceWord || word >= kEventWords) return;
  __atomic_fetch_and(&open_words, ~(1u << word), __ATOMIC_ACQ_REL);
}

void notify_event_word(uint32_t word, uint32_t bits) {
  if (word >= kEventWords) return;
  // What was written before is visible to who sees the bits. A bit that was set already has woken the
  // thread already.
  const uint32_t before = __atomic_fetch_or(&words[word].bits, bits, __ATOMIC_SEQ_CST);
  if ((before & bits) != bits) words[word].queue.wake_all();
}

uint32_t wait_for_event_word(uint32_t word, uint32_t mask, uint64_t deadline) {
  if (word >= kEventWords) return 0;
  EventWord& waited = words[word];
  uint32_t taken = 0;
  waited.queue.wait(
      [mask, &waited, &taken] {
        taken = __atomic_fetch_and(&waited.bits, ~mask, __ATOMIC_SEQ_CST) & mask;
        return taken != 0;
      },
      Deadline::at_nanoseconds(deadline));
  return taken;
}

}  // namespace runtime
