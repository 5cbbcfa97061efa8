// futex(2) itself: no wake-up is lost, no wait ends early, and requeued waiters are woken.
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

#include "torture.h"

namespace torture {

namespace {

using Word = std::atomic<uint32_t>;

/// The result, or -errno.
long futex(Word& word, int operation, uint32_t value, const timespec* timeout = nullptr,
           Word* second = nullptr, uint32_t value3 = 0) {
  const long result =
      syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, timeout, second, value3);
  return result < 0 ? -errno : result;
}

long requeue(Word& from, uint32_t expected, Word& to) {
  const long result = syscall(SYS_futex, &from, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1,
                              static_cast<long>(INT_MAX), &to, expected);
  return result < 0 ? -errno : result;
}

/// The mutex of "Futexes Are Tricky": 0 free, 1 taken, 2 taken and somebody may wait.
class Mutex {
 public:
  void lock() {
    uint32_t seen = 0;
    if (word_.compare_exchange_strong(seen, 1)) return;
    lock_as_waiter();
  }
  void lock_as_waiter() {
    while (word_.exchange(2) != 0) futex(word_, FUTEX_WAIT, 2);
  }
  void unlock() {
    if (word_.exchange(0) == 2) futex(word_, FUTEX_WAKE, 1);
  }
  Word& word() { return word_; }

 private:
  Word word_{0};
};

// ---- a token goes round; who does not hold it sleeps ----
constexpr unsigned kRing = 4;
struct alignas(64) RingPlace {
  Word has_token{0};
};
struct Ring {
  RingPlace places[kRing];
  uint64_t passes = 0;  // only whoever holds the token touches it
  /// Each place stays on one CPU for a while, all of them on different ones: no CPU that has nothing to do can
  /// help out where a wake-up does not arrive.
  bool is_pinned;
};
Ring free_ring{{}, 0, false}, bound_ring{{}, 0, true};

void pin(uint64_t place) {
  const uint64_t mask = 1ull << place % static_cast<uint64_t>(sysconf(_SC_NPROCESSORS_ONLN)) % 64;
  syscall(SYS_sched_setaffinity, 0, sizeof(mask), &mask);
}

void go_round(Activity& self, Ring& ring, unsigned index) {
  RingPlace& mine = ring.places[index];
  RingPlace& next = ring.places[(index + 1) % kRing];
  if (ring.is_pinned) pin(index);
  if (index == 0) mine.has_token = 1;
  for (bool is_last = false; !is_last;) {
    while (mine.has_token.load() == 0) {
      const long result = futex(mine.has_token, FUTEX_WAIT, 0);
      if (result != 0 && result != -EAGAIN && result != -EINTR)
        fail(self, "FUTEX_WAIT returned %ld", result);
    }
    if (ring.passes % kRing != index) fail(self, "the token came twice");
    if (ring.is_pinned && ring.passes / kRing % 64 == 0) pin(index + ring.passes / kRing / 64);
    ++ring.passes;
    is_last = !self.goes_on();  // each passes it on once more
    mine.has_token = 0;
    next.has_token = 1;
    futex(next.has_token, FUTEX_WAKE, 1);
    self.step();
  }
}

void run_free_ring(Activity& self, unsigned index) { go_round(self, free_ring, index); }
void run_bound_ring(Activity& self, unsigned index) { go_round(self, bound_ring, index); }

// ---- waits that end by themselves, and wake-ups at the same moment ----
Word timeout_word{0};
std::atomic<uint64_t> wakes_given{0}, wakes_taken{0};
constexpr unsigned kTimeoutWaiters = 3;

timespec to_time(uint64_t nanoseconds) {
  return {static_cast<time_t>(nanoseconds / 1'000'000'000),
          static_cast<long>(nanoseconds % 1'000'000'000)};
}

void run_timeouts(Activity& self, unsigned index) {
  Random random(self, index);
  while (self.goes_on()) {
    if (index == kTimeoutWaiters) {
      const long woken = futex(timeout_word, FUTEX_WAKE, 1 + random.below(kTimeoutWaiters));
      if (woken < 0 || woken > kTimeoutWaiters) fail(self, "FUTEX_WAKE returned %ld", woken);
      wakes_given += static_cast<uint64_t>(woken);
      pause_microseconds(random.below(1500));
      continue;
    }
    const uint64_t start = now_nanoseconds();
    const uint64_t wait = random.below(2'000'000);
    const bool is_absolute = random.below(2);
    const timespec time = to_time(is_absolute ? start + wait : wait);
    const long result = is_absolute ? futex(timeout_word, FUTEX_WAIT_BITSET, 0, &time, nullptr,
                                            FUTEX_BITSET_MATCH_ANY)
                                    : futex(timeout_word, FUTEX_WAIT, 0, &time);
    if (result == 0) {
      ++wakes_taken;
    } else if (result != -ETIMEDOUT) {
      fail(self, "a wait with a timeout returned %ld", result);
    } else if (now_nanoseconds() < start + wait) {
      fail(self, "a wait ended %llu ns early",
           static_cast<unsigned long long>(start + wait - now_nanoseconds()));
    }
    self.step();
  }
}

void check_timeouts(Activity& self) {
  if (wakes_given != wakes_taken)
    fail(self, "%llu wake-ups were given, %llu arrived",
         static_cast<unsigned long long>(wakes_given),
         static_cast<unsigned long long>(wakes_taken));
}

// ---- a condition variable as glibc used to make it: waiters move to the mutex ----
constexpr unsigned kRequeueWaiters = 4;
Mutex requeue_mutex;
Word requeue_sequence{0}, requeue_answers{0};
uint64_t requeue_round;  // under the mutex
bool requeue_ends;       // likewise

void wait_for_round(Activity& self) {
  uint64_t round = 0;
  requeue_mutex.lock();
  for (;;) {
    while (requeue_round == round && !requeue_ends) {
      const uint32_t seen = requeue_sequence;
      requeue_mutex.unlock();
      futex(requeue_sequence, FUTEX_WAIT, seen);
      requeue_mutex.lock_as_waiter();
    }
    if (requeue_ends) break;
    if (requeue_round != round + 1) fail(self, "a waiter missed a round");
    round = requeue_round;
    requeue_answers.fetch_add(1);
    futex(requeue_answers, FUTEX_WAKE, 1);
    self.step();
  }
  requeue_mutex.unlock();
}

void run_requeue(Activity& self, unsigned index) {
  if (index < kRequeueWaiters) {
    wait_for_round(self);
    return;
  }
  Random random(self, index);
  for (bool ends = false; !ends;) {
    ends = !self.goes_on();
    requeue_mutex.lock();
    requeue_answers = 0;
    requeue_ends = ends;
    ++requeue_round;
    const uint32_t sequence = requeue_sequence.fetch_add(1) + 1;
    const long moved = requeue(requeue_sequence, sequence, requeue_mutex.word());
    if (moved < 0) fail(self, "FUTEX_CMP_REQUEUE returned %ld", moved);
    requeue_mutex.unlock();
    if (ends) break;
    for (uint32_t seen = requeue_answers; seen != kRequeueWaiters; seen = requeue_answers)
      futex(requeue_answers, FUTEX_WAIT, seen);
    if (random.below(4) == 0) pause_microseconds(random.below(500));
  }
}

// ---- a mutex under contention ----
Mutex contended;
uint64_t guarded[8];
std::atomic<uint64_t> locked_rounds{0};

void run_mutex(Activity& self, unsigned index) {
  Random random(self, index);
  while (self.goes_on()) {
    contended.lock();
    const uint64_t value = guarded[0];
    for (uint64_t& word : guarded) {
      if (word != value) fail(self, "two threads were inside a mutex");
      word = value + 1;
    }
    if (random.below(64) == 0) syscall(SYS_sched_yield);
    contended.unlock();
    ++locked_rounds;
    self.step();
    if (random.below(16) == 0) pause_microseconds(random.below(300));
  }
}

void check_mutex(Activity& self) {
  if (guarded[0] != locked_rounds) fail(self, "an increment under a mutex was lost");
}

}  // namespace

Activity futex_ring("futex-ring", kRing, 500, run_free_ring);
Activity pinned_ring("pinned-ring", kRing, 500, run_bound_ring, nullptr, false);
Activity futex_timeouts("futex-timeouts", kTimeoutWaiters + 1, 200, run_timeouts, check_timeouts);
Activity futex_requeue("futex-requeue", kRequeueWaiters + 1, 500, run_requeue);
Activity futex_mutex("futex-mutex", 4, 500, run_mutex, check_mutex);

}  // namespace torture
