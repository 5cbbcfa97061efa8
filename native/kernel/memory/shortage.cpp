#include "memory/shortage.h"

#include "lib/types.h"
#include "memory/frames.h"
#include "sched/thread.h"
#include "sched/wait_queue.h"

namespace runtime {

namespace {

constexpr uint64_t kShare = 4;
constexpr uint64_t kLeastMark = 4 << 20;
constexpr uint64_t kMostMark = 64 << 20;
/// What a thread that waits for a page waits for: with less it would be back at once.
constexpr uint64_t kEnough = 1 << 20;
constexpr uint64_t kLook = 50 * 1000 * 1000;
constexpr unsigned kLooks = 20;

WaitQueue queue;
/// The thread that is told; the first one that waits. It must not wait for itself.
Thread* watcher = nullptr;
bool is_listening = false;  // the watcher waits for a shortage
bool is_wanted = false;     // a thread waits for a page

bool is_short() {
  const FrameStatistics frames = frame_statistics();
  const uint64_t mark = (frames.total - frames.image) / kShare;
  return frames.free < min_of(max_of(mark, kLeastMark), kMostMark);
}

bool take_wish() { return __atomic_exchange_n(&is_wanted, false, __ATOMIC_SEQ_CST); }

}  // namespace

void await_memory_shortage(Deadline not_before) {
  __atomic_store_n(&watcher, Thread::current(), __ATOMIC_RELAXED);
  if (!not_before.has_passed() && queue.wait(take_wish, not_before, false) == WaitResult::Ready)
    return;
  __atomic_store_n(&is_listening, true, __ATOMIC_SEQ_CST);
  queue.wait([] { return take_wish() || is_short(); }, Deadline::never(), false);
  __atomic_store_n(&is_listening, false, __ATOMIC_SEQ_CST);
}

void notice_memory_shortage() {
  if (__atomic_load_n(&is_listening, __ATOMIC_RELAXED) && is_short()) queue.wake_all();
}

bool await_free_memory() {
  Thread* const told = __atomic_load_n(&watcher, __ATOMIC_RELAXED);
  if (!told || told == Thread::current()) return false;
  for (unsigned look = 0; look < kLooks; ++look) {
    __atomic_store_n(&is_wanted, true, __ATOMIC_SEQ_CST);
    queue.wake_all();
    Sleeper sleeper;
    sleeper.prepare();
    sleeper.sleep(Deadline::after(kLook), false);
    if (frame_statistics().free >= kEnough) return true;
  }
  return false;
}

}  // namespace runtime
