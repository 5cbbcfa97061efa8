#include "sync/mutex.h"

#include "arch/x86_64/cpu.h"
#include "lib/format.h"
#include "sched/thread.h"

namespace runtime {

#ifdef RUNTIME_LOCK_CHECKS

namespace {

/// Early at boot there are no threads, and nobody to disturb.
void note_taken(unsigned rank) {
  const HeldRanks& locks = this_cpu().held_locks;
  if (__builtin_expect(!locks.is_empty(), 0))
    panic("lock order: %s, which sleeps, is wanted while %s is held", mutex_rank_name(rank),
          lock_rank_name(locks.highest()));
  Thread* const thread = Thread::current();
  if (!thread) return;
  if (__builtin_expect(!thread->held_mutexes.may_take(rank), 0))
    panic("lock order: %s is wanted while %s is held", mutex_rank_name(rank),
          mutex_rank_name(thread->held_mutexes.highest()));
  thread->held_mutexes.add(rank);
}

void note_released(unsigned rank) {
  if (Thread* const thread = Thread::current()) thread->held_mutexes.remove(rank);
}

}  // namespace

#else

namespace {

void note_taken(unsigned) {}
void note_released(unsigned) {}

}  // namespace

#endif

void Mutex::lock() {
  note_taken(static_cast<unsigned>(rank_));
  waiters_.wait([this] { return try_lock(); }, Deadline::never(), false);
}

void Mutex::unlock() {
  note_released(static_cast<unsigned>(rank_));
  __atomic_store_n(&taken_, false, __ATOMIC_RELEASE);
  waiters_.wake_one();
}

}  // namespace runtime
