#include "platform/service_events.h"

#include "sched/wait_queue.h"
#include "time/clock.h"

namespace runtime {

namespace {

uint32_t event_bits = 0;
WaitQueue event_queue;

}  // namespace

void notify_service(uint32_t bits) {
  // What was written before is visible to who sees the bits. A bit that was set already has woken the
  // thread already.
  const uint32_t before = __atomic_fetch_or(&event_bits, bits, __ATOMIC_SEQ_CST);
  if ((before & bits) != bits) event_queue.wake_all();
}

uint32_t wait_for_service_events(uint32_t mask, uint64_t deadline) {
  uint32_t taken = 0;
  event_queue.wait(
      [mask, &taken] {
        taken = __atomic_fetch_and(&event_bits, ~mask, __ATOMIC_SEQ_CST) & mask;
        return taken != 0;
      },
      Deadline::at_nanoseconds(deadline));
  return taken;
}

}  // namespace runtime
