// Torture of the scheduler and of what threads share: activities that run at once, each of which checks what it
// sees. One that makes no step for a while hangs, or has lost a wake-up.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace torture {

/// One kind of work, done by some threads together.
struct Activity {
  const char* name;
  /// How many threads it needs; fixed.
  unsigned threads;
  /// Steps that it makes alone, at the least, before the others go on.
  unsigned quota;
  /// Runs in each of them, with its index, while `goes_on()`, and then makes sure that the others end, too.
  void (*run)(Activity& self, unsigned index);
  /// Checks the sums once all have ended. May be null.
  void (*check)(Activity& self);
  /// Other activities may change where its threads run.
  bool lets_others_move_it;

  /// Steps made, by any of its threads.
  std::atomic<uint64_t> steps{0};
  /// Threads that have not ended.
  std::atomic<unsigned> running{0};

  Activity(const char* name, unsigned threads, unsigned quota, void (*run)(Activity&, unsigned),
           void (*check)(Activity&) = nullptr, bool lets_others_move_it = true)
      : name(name),
        threads(threads),
        quota(quota),
        run(run),
        check(check),
        lets_others_move_it(lets_others_move_it) {}
  void step() { steps.fetch_add(1, std::memory_order_relaxed); }
  /// False when it has to end. While another activity has the machine for itself, waits.
  bool goes_on();
};

// The activities, by file.
extern Activity futex_ring, pinned_ring, futex_timeouts, futex_requeue, futex_mutex;  // futexes.cc
extern Activity page_faults, replaced_pages, protected_pages, unmapped_pages;         // memory.cc
extern Activity queued_signals, interrupted_waits, timers;                            // signals.cc
extern Activity thread_churn, affinities, pipes, registers, condition_variables;      // threads.cc

/// Ends the process with code 1 and says what went wrong, as printf(3). Async-signal-safe, but for floating
/// point.
[[noreturn]] __attribute__((format(printf, 2, 3))) void fail(const Activity& activity,
                                                             const char* format, ...);

/// A generator of its own for each thread, seeded from the run's seed, the activity and the index.
class Random {
 public:
  Random(const Activity& activity, unsigned index);
  uint64_t next();
  /// From 0 to limit - 1.
  uint64_t below(uint64_t limit) { return next() % limit; }

 private:
  uint64_t state_;
};

/// CLOCK_MONOTONIC.
uint64_t now_nanoseconds();
/// Sleeps that long; whatever interrupts it is ignored.
void pause_microseconds(uint64_t microseconds);

/// Ids of threads that others may move about; 0 when there is none at that place.
pid_t movable_thread(uint64_t place);

/// Runs code that may touch memory it must not: calls `access(argument)` and says whether a SIGSEGV or SIGBUS
/// ended it.
bool faults(void (*access)(void*), void* argument);

/// Runs all activities at once, with phases in between in which one has the machine for itself: then CPUs run
/// out of work and halt, and every wake-up has to reach them. Or runs the one named `only` if that is not empty.
/// @param seconds how long
/// @param seed what random decisions come from
/// @param stall_seconds an activity that makes no step for so long hangs
/// @return false when there is no such activity; it does not return when something is wrong
bool run(unsigned seconds, uint64_t seed, unsigned stall_seconds, const char* only);

}  // namespace torture
