// futex(2) by itself, and the locks that glibc makes of it.
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"

namespace calls {

namespace {

constexpr int kWaiters = 4;
constexpr int kRounds = 20'000;

alignas(64) uint32_t g_first;
alignas(64) uint32_t g_second;
int g_woken;

/// futex(2): the result, or -errno.
long futex(void* address, int operation, uint32_t value, const void* timeout = nullptr,
           void* address2 = nullptr, uint32_t value3 = 0) {
  const long result = syscall(SYS_futex, address, operation, value, timeout, address2, value3);
  return result < 0 ? -errno : result;
}

const void* count(uintptr_t number) { return reinterpret_cast<const void*>(number); }

timespec in_milliseconds(clockid_t clock, long milliseconds) {
  timespec time;
  clock_gettime(clock, &time);
  time.tv_nsec += milliseconds * 1'000'000;
  time.tv_sec += time.tv_nsec / 1'000'000'000;
  time.tv_nsec %= 1'000'000'000;
  return time;
}

void* wait_once(void* word) {
  futex(word, FUTEX_WAIT, 0);
  __atomic_add_fetch(&g_woken, 1, __ATOMIC_SEQ_CST);
  return nullptr;
}

void* wait_with_bits(void* bits) {
  const auto set = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(bits));
  futex(&g_first, FUTEX_WAIT_BITSET, 0, nullptr, nullptr, set);
  return nullptr;
}

void check_timeouts() {
  timespec time = {0, 20'000'000};
  double start = now();
  raw_result("FUTEX_WAIT for 20 ms", futex(&g_first, FUTEX_WAIT, 0, &time));
  holds("it lasts", now() - start >= 0.02);
  time.tv_nsec = 2'000'000'000;
  raw_result("FUTEX_WAIT with too many nanoseconds", futex(&g_first, FUTEX_WAIT, 0, &time));
  time = {-1, 0};
  raw_result("FUTEX_WAIT with negative seconds", futex(&g_first, FUTEX_WAIT, 0, &time));
  time = {0, 0};
  raw_result("FUTEX_WAIT for no time", futex(&g_first, FUTEX_WAIT, 0, &time));
  time = in_milliseconds(CLOCK_REALTIME, 20);
  const int by_wall_clock = FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME;
  start = now();
  raw_result("FUTEX_WAIT_BITSET until a time of day",
             futex(&g_first, by_wall_clock, 0, &time, nullptr, 1));
  holds("it lasts", now() - start >= 0.019);
  time = in_milliseconds(CLOCK_MONOTONIC, 20);
  raw_result("FUTEX_WAIT_BITSET until a time since boot",
             futex(&g_first, FUTEX_WAIT_BITSET, 0, &time, nullptr, 1));
  time = {1, 0};
  raw_result("FUTEX_WAIT_BITSET until the past",
             futex(&g_first, FUTEX_WAIT_BITSET, 0, &time, nullptr, 1));
}

void check_arguments() {
  char* const odd = reinterpret_cast<char*>(&g_first) + 1;
  raw_result("FUTEX_WAIT on another value", futex(&g_first, FUTEX_WAIT, 1));
  raw_result("FUTEX_WAIT on an odd address", futex(odd, FUTEX_WAIT, 0));
  raw_result("FUTEX_WAKE on an odd address", futex(odd, FUTEX_WAKE, 1));
  raw_result("FUTEX_WAIT_BITSET without bits", futex(&g_first, FUTEX_WAIT_BITSET, 0));
  raw_result("FUTEX_WAKE_BITSET without bits", futex(&g_first, FUTEX_WAKE_BITSET, 1));
  raw_result("FUTEX_WAIT on no memory", futex(reinterpret_cast<void*>(8), FUTEX_WAIT, 0));
  raw_result("an unknown operation", futex(&g_first, 99, 0));
  raw_result("FUTEX_WAKE without waiters", futex(&g_first, FUTEX_WAKE, 1));
}

void check_wake_and_requeue() {
  g_woken = 0;
  {
    Thread threads[kWaiters] = {
        {wait_once, &g_first}, {wait_once, &g_first}, {wait_once, &g_first}, {wait_once, &g_first}};
    for (Thread& thread : threads) thread.wait_until_asleep();
    raw_result("FUTEX_WAKE of one", futex(&g_first, FUTEX_WAKE, 1));
    raw_result("FUTEX_CMP_REQUEUE with another value",
               futex(&g_first, FUTEX_CMP_REQUEUE, 0, count(2), &g_second, 9));
    raw_result("FUTEX_CMP_REQUEUE of two",
               futex(&g_first, FUTEX_CMP_REQUEUE, 0, count(2), &g_second, 0));
    raw_result("FUTEX_WAKE of the rest", futex(&g_first, FUTEX_WAKE, 10));
    raw_result("FUTEX_WAKE of those that moved", futex(&g_second, FUTEX_WAKE, 10));
  }
  value("woken", g_woken);

  Thread low(wait_with_bits, reinterpret_cast<void*>(0b01));
  Thread high(wait_with_bits, reinterpret_cast<void*>(0b10));
  low.wait_until_asleep();
  high.wait_until_asleep();
  raw_result("FUTEX_WAKE_BITSET of other bits",
             futex(&g_first, FUTEX_WAKE_BITSET, 10, nullptr, nullptr, 0b100));
  raw_result("FUTEX_WAKE_BITSET of one bit",
             futex(&g_first, FUTEX_WAKE_BITSET, 10, nullptr, nullptr, 0b10));
  high.join();
  raw_result("FUTEX_WAKE finds any bits", futex(&g_first, FUTEX_WAKE, 10));
}

void check_wake_operation() {
  constexpr int kSetEqual = FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_EQ, 0);
  constexpr int kAddGreater = FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_GT, 100);
  g_second = 5;
  {
    Thread waiter(wait_once, &g_first);
    waiter.wait_until_asleep();
    raw_result("FUTEX_WAKE_OP that wakes the second word",
               futex(&g_second, FUTEX_WAKE_OP, 1, count(1), &g_first, kSetEqual));
  }
  raw_result("FUTEX_WAKE_OP that adds",
             futex(&g_second, FUTEX_WAKE_OP, 1, count(1), &g_second, kAddGreater));
  value("the sum", g_second);
  g_second = 0;

  void* read_only = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  raw_result("FUTEX_WAKE_OP on read-only memory",
             futex(&g_first, FUTEX_WAKE_OP, 1, count(1), read_only, kAddGreater));
  void* fresh = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  raw_result("FUTEX_WAKE_OP on fresh memory",
             futex(&g_first, FUTEX_WAKE_OP, 1, count(1), fresh, kAddGreater));
  value("the sum", *static_cast<uint32_t*>(fresh));
  munmap(read_only, 4096);
  munmap(fresh, 4096);
}

void* answer(void* argument) {
  auto* word = static_cast<uint32_t*>(argument);
  for (int i = 0; i < kRounds; ++i) {
    while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != 1) futex(word, FUTEX_WAIT_PRIVATE, 0);
    __atomic_store_n(word, 0, __ATOMIC_SEQ_CST);
    futex(word, FUTEX_WAKE_PRIVATE, 1);
  }
  return nullptr;
}

void check_ping_pong() {
  uint32_t word = 0;
  Thread other(answer, &word);
  for (int i = 0; i < kRounds; ++i) {
    __atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
    futex(&word, FUTEX_WAKE_PRIVATE, 1);
    while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) != 0) futex(&word, FUTEX_WAIT_PRIVATE, 1);
  }
  other.join();
  value("ping-pong ends with", word);
}

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t g_condition = PTHREAD_COND_INITIALIZER;
pthread_mutex_t g_robust;
long g_counter;
bool g_may_go;

void* hammer(void*) {
  for (int i = 0; i < 50'000; ++i) {
    pthread_mutex_lock(&g_mutex);
    ++g_counter;
    pthread_mutex_unlock(&g_mutex);
  }
  return nullptr;
}

void* wait_for_condition(void*) {
  pthread_mutex_lock(&g_mutex);
  while (!g_may_go) pthread_cond_wait(&g_condition, &g_mutex);
  ++g_counter;
  pthread_mutex_unlock(&g_mutex);
  return nullptr;
}

void* die_with_lock(void*) {
  pthread_mutex_lock(&g_robust);
  return nullptr;
}

void check_robust_mutex() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&g_robust, &attributes);
  Thread(die_with_lock, nullptr).join();
  raw_result("a robust mutex whose owner died", -pthread_mutex_lock(&g_robust));
  raw_result("pthread_mutex_consistent", -pthread_mutex_consistent(&g_robust));
  pthread_mutex_unlock(&g_robust);
  raw_result("it is locked as ever", -pthread_mutex_lock(&g_robust));
  pthread_mutex_unlock(&g_robust);
  // Left inconsistent, it cannot be recovered.
  Thread(die_with_lock, nullptr).join();
  raw_result("the owner died again", -pthread_mutex_lock(&g_robust));
  pthread_mutex_unlock(&g_robust);
  raw_result("unlocked without being consistent", -pthread_mutex_lock(&g_robust));
  pthread_mutex_destroy(&g_robust);
  pthread_mutexattr_destroy(&attributes);

  void* head = nullptr;
  size_t size = 0;
  result("get_robust_list", syscall(SYS_get_robust_list, 0, &head, &size));
  value("its size", static_cast<long>(size));
  holds("it has a head", head != nullptr);
  result("set_robust_list of a wrong size", syscall(SYS_set_robust_list, head, 23));
}

}  // namespace

void check_futexes() {
  check_arguments();
  check_timeouts();
  check_wake_and_requeue();
  check_wake_operation();
  check_ping_pong();
}

void check_locks() {
  constexpr int kThreads = 8;
  g_counter = 0;
  pthread_t threads[kThreads];
  for (pthread_t& thread : threads) pthread_create(&thread, nullptr, hammer, nullptr);
  for (pthread_t& thread : threads) pthread_join(thread, nullptr);
  value("counted under a mutex", g_counter);

  g_counter = 0;
  g_may_go = false;
  for (pthread_t& thread : threads) pthread_create(&thread, nullptr, wait_for_condition, nullptr);
  pthread_mutex_lock(&g_mutex);
  g_may_go = true;
  pthread_cond_broadcast(&g_condition);
  pthread_mutex_unlock(&g_mutex);
  for (pthread_t& thread : threads) pthread_join(thread, nullptr);
  value("woken by a broadcast", g_counter);

  timespec time = in_milliseconds(CLOCK_REALTIME, 20);
  pthread_mutex_lock(&g_mutex);
  raw_result("pthread_cond_timedwait", -pthread_cond_timedwait(&g_condition, &g_mutex, &time));
  pthread_mutex_unlock(&g_mutex);
  check_robust_mutex();
}

}  // namespace calls
