// Threads that come and go and change CPUs, and what glibc makes of them.
#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "torture.h"

extern "C" {
uint64_t hold_registers(uint64_t seed, uint64_t iterations);
void hold_vectors(const void* from, void* to, uint64_t iterations);
}

namespace torture {

namespace {

// ---- creation and end ----
thread_local uint64_t own_number = 7;

void* short_life(void* argument) {
  if (own_number != 7) fail(thread_churn, "a new thread has another's variables");
  own_number = reinterpret_cast<uintptr_t>(argument);
  volatile uint8_t stack[6000];
  memset(const_cast<uint8_t*>(stack), static_cast<int>(own_number), sizeof(stack));
  if (own_number % 3 == 0) sched_yield();
  for (const volatile uint8_t& byte : stack)
    if (byte != static_cast<uint8_t>(own_number)) fail(thread_churn, "wrong byte on a stack");
  return reinterpret_cast<void*>(own_number + 1);
}

void run_churn(Activity& self, unsigned index) {
  Random random(self, index);
  while (self.goes_on()) {
    pthread_t threads[4];
    uintptr_t numbers[4];
    const unsigned count = 1 + static_cast<unsigned>(random.below(4));
    for (unsigned i = 0; i < count; ++i) {
      numbers[i] = random.next();
      const int error =
          pthread_create(&threads[i], nullptr, short_life, reinterpret_cast<void*>(numbers[i]));
      if (error) fail(self, "pthread_create: %s", strerror(error));
    }
    for (unsigned i = 0; i < count; ++i) {
      void* result = nullptr;
      pthread_join(threads[i], &result);
      if (reinterpret_cast<uintptr_t>(result) != numbers[i] + 1)
        fail(self, "a thread returned another's result");
    }
    self.step();
  }
}

// ---- affinity ----
void run_affinities(Activity& self, unsigned index) {
  Random random(self, index);
  const long processors = std::min(sysconf(_SC_NPROCESSORS_ONLN), 64L);
  const uint64_t all = processors == 64 ? ~0ull : (1ull << processors) - 1;
  while (self.goes_on()) {
    uint64_t mask = random.next() & all;
    if (mask == 0) mask = all;
    if (syscall(SYS_sched_setaffinity, 0, sizeof(mask), &mask) != 0)
      fail(self, "sched_setaffinity: %s", strerror(errno));
    uint64_t found = 0;
    if (syscall(SYS_sched_getaffinity, 0, sizeof(found), &found) < 0 || found != mask)
      fail(self, "sched_getaffinity: %llx instead of %llx", static_cast<unsigned long long>(found),
           static_cast<unsigned long long>(mask));
    for (int look = 0; look < 40; ++look) {
      const int cpu = sched_getcpu();
      if (!(mask >> cpu & 1))
        fail(self, "runs on CPU %d, which is not in %llx", cpu,
             static_cast<unsigned long long>(mask));
      if (look % 10 == 0) sched_yield();
      if (look == 30) pause_microseconds(random.below(300));
    }
    // Others are moved while they run, wait or sleep; some get all CPUs back.
    for (int other = 0; other < 3; ++other) {
      uint64_t theirs = random.next() & all;
      if (theirs == 0 || random.below(2)) theirs = all;
      if (const pid_t thread = movable_thread(random.next()))
        syscall(SYS_sched_setaffinity, thread, sizeof(theirs), &theirs);
    }
    self.step();
  }
}

// ---- bytes through pipes, and wake-ups through eventfd ----
struct Pipe {
  std::atomic<bool> is_open{false};
  int ends[2]{};
  int taken = -1;
};
Pipe the_pipe;

void produce(Activity& self, unsigned index) {
  Random random(self, index);
  if (pipe(the_pipe.ends) != 0) fail(self, "pipe: %s", strerror(errno));
  the_pipe.taken = eventfd(0, 0);
  the_pipe.is_open = true;
  uint8_t next = 0;
  while (self.goes_on()) {
    uint8_t bytes[3000];
    const size_t size = 1 + random.below(sizeof(bytes));
    for (size_t i = 0; i < size; ++i) bytes[i] = next++;
    for (size_t done = 0; done < size;) {
      const ssize_t count = write(the_pipe.ends[1], bytes + done, size - done);
      if (count <= 0) fail(self, "write: %s", strerror(errno));
      done += static_cast<size_t>(count);
    }
    if (random.below(4) == 0) {
      uint64_t seen = 0;
      if (read(the_pipe.taken, &seen, sizeof(seen)) != sizeof(seen) || seen == 0)
        fail(self, "an eventfd woke for nothing");
    }
  }
  close(the_pipe.ends[1]);
}

void run_pipes(Activity& self, unsigned index) {
  if (index == 0) return produce(self, index);
  Random random(self, index);
  while (!the_pipe.is_open) pause_microseconds(100);
  uint8_t next = 0;
  for (;;) {
    uint8_t bytes[5000];
    const ssize_t count = read(the_pipe.ends[0], bytes, 1 + random.below(sizeof(bytes)));
    if (count < 0) fail(self, "read: %s", strerror(errno));
    if (count == 0) break;
    for (ssize_t i = 0; i < count; ++i)
      if (bytes[i] != next++) fail(self, "wrong byte in a pipe");
    const uint64_t one = 1;
    if (write(the_pipe.taken, &one, sizeof(one)) != sizeof(one))
      fail(self, "write to an eventfd: %s", strerror(errno));
    self.step();
  }
}

// ---- threads that compute, and are preempted and moved ----
void run_registers(Activity& self, unsigned index) {
  Random random(self, index);
  alignas(64) uint8_t before[512], after[512];
  while (self.goes_on()) {
    const uint64_t seed = random.next();
    for (size_t i = 0; i < sizeof(before); ++i) before[i] = static_cast<uint8_t>(seed * 31 + i * 7);
    hold_vectors(before, after, 50'000);
    if (memcmp(before, after, 256) != 0) fail(self, "an SSE register changed");
    if (hold_registers(seed, 50'000) != 0) fail(self, "a general register changed");
    self.step();
  }
}

// ---- glibc's condition variables ----
pthread_mutex_t turn_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
uint64_t turn = 0;
bool turns_end = false;
constexpr unsigned kPlayers = 3;

void run_turns(Activity& self, unsigned index) {
  pthread_mutex_lock(&turn_mutex);
  for (;;) {
    while (turn % kPlayers != index && !turns_end) pthread_cond_wait(&turn_changed, &turn_mutex);
    if (turns_end) break;
    ++turn;
    turns_end = !self.goes_on();
    self.step();
    pthread_cond_broadcast(&turn_changed);
  }
  pthread_mutex_unlock(&turn_mutex);
}

}  // namespace

Activity thread_churn("thread-churn", 2, 30, run_churn);
Activity affinities("affinities", 2, 100, run_affinities, nullptr, false);
Activity pipes("pipes", 2, 500, run_pipes);
Activity registers("registers", 2, 20, run_registers);
Activity condition_variables("condition-variables", kPlayers, 500, run_turns);

}  // namespace torture
