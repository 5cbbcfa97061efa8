// What the kernel's basic services cost, in nanoseconds: run() returns { name: [sample, ...] }. Each sample is the
// mean of a short series, so that the best ones are free of what else the host did. Threads that have to be apart, or
// together, are bound to CPUs.
#include <errno.h>
#include <linux/futex.h>
#include <node_api.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace {

using Samples = std::vector<double>;

constexpr unsigned kSamples = 40;

uint64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

/// Samples of the mean duration of `count` calls of `work`.
Samples measure(unsigned count, const std::function<void()>& work) {
  Samples samples;
  for (unsigned i = 0; i < kSamples; ++i) {
    const uint64_t start = now();
    for (unsigned call = 0; call < count; ++call) work();
    samples.push_back(static_cast<double>(now() - start) / count);
  }
  return samples;
}

void bind_to(uint64_t mask) { syscall(SYS_sched_setaffinity, 0, sizeof(mask), &mask); }

using Word = std::atomic<uint32_t>;

void wait_while(Word& word, uint32_t value) {
  while (word.load() == value) syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr);
}

void set(Word& word, uint32_t value) {
  word = value;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
}

/// Two threads that wake each other in turns.
struct PingPong {
  Word ping{0}, pong{0};
  uint64_t mask = 0;
};

void* answer(void* argument) {
  PingPong& game = *static_cast<PingPong*>(argument);
  bind_to(game.mask);
  for (uint32_t turn = 0;; ++turn) {
    wait_while(game.ping, turn);
    if (game.ping == UINT32_MAX) return nullptr;
    set(game.pong, turn + 1);
  }
}

/// One way from a thread to another and there into running code again.
Samples ping_pong(uint64_t here, uint64_t there, unsigned count) {
  PingPong game;
  game.mask = there;
  pthread_t thread;
  pthread_create(&thread, nullptr, answer, &game);
  bind_to(here);
  uint32_t turn = 0;
  const auto round = [&] {
    set(game.ping, turn + 1);
    wait_while(game.pong, turn);
    ++turn;
  };
  for (unsigned i = 0; i < count; ++i) round();
  Samples samples = measure(count, round);
  for (double& sample : samples) sample /= 2;
  set(game.ping, UINT32_MAX);
  pthread_join(thread, nullptr);
  bind_to(~0ull);
  return samples;
}

void* yield_until(void* argument) {
  bind_to(1);
  auto& ends = *static_cast<std::atomic<bool>*>(argument);
  while (!ends) sched_yield();
  return nullptr;
}

/// sched_yield between two threads of one CPU.
Samples yields() {
  std::atomic<bool> ends{false};
  pthread_t thread;
  pthread_create(&thread, nullptr, yield_until, &ends);
  bind_to(1);
  Samples samples = measure(400, [] { sched_yield(); });
  ends = true;
  bind_to(~0ull);
  pthread_join(thread, nullptr);
  return samples;
}

constexpr size_t kPage = 4096;
constexpr size_t kPages = 512;

uint8_t* map(size_t pages) {
  return static_cast<uint8_t*>(
      mmap(nullptr, pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

/// The first write to a page of anonymous memory.
Samples page_faults() {
  Samples samples;
  for (unsigned i = 0; i < kSamples; ++i) {
    uint8_t* const region = map(kPages);
    madvise(region, kPages * kPage, MADV_NOHUGEPAGE);
    const uint64_t start = now();
    for (size_t page = 0; page < kPages; ++page) region[page * kPage] = 1;
    samples.push_back(static_cast<double>(now() - start) / kPages);
    munmap(region, kPages * kPage);
  }
  return samples;
}

void* nothing(void* argument) { return argument; }

Samples thread_creation() {
  return measure(20, [] {
    pthread_t thread;
    pthread_create(&thread, nullptr, nothing, nullptr);
    pthread_join(thread, nullptr);
  });
}

void* compute_until(void* argument) {
  bind_to(2);
  auto& ends = *static_cast<std::atomic<bool>*>(argument);
  while (!ends) {
  }
  return nullptr;
}

/// mprotect of a page, while a thread runs on another CPU that may have its translation.
Samples protections() {
  std::atomic<bool> ends{false};
  pthread_t thread;
  pthread_create(&thread, nullptr, compute_until, &ends);
  bind_to(1);
  uint8_t* const page = map(1);
  const Samples samples = measure(20, [page] {
    page[0] = 1;
    mprotect(page, kPage, PROT_READ);
    mprotect(page, kPage, PROT_READ | PROT_WRITE);
  });
  ends = true;
  pthread_join(thread, nullptr);
  bind_to(~0ull);
  munmap(page, kPage);
  return samples;
}

int start_timer(int timer, time_t seconds) {
  itimerspec when = {};
  when.it_value.tv_sec = seconds;
  return timerfd_settime(timer, 0, &when, nullptr);
}

/// Starts a timer that is due after many others.
Samples timer_starts() {
  constexpr unsigned kOthers = 900;  // Linux lets a process have 1024 descriptors
  constexpr time_t kHour = 3600;
  std::vector<int> others;
  while (others.size() < kOthers) {
    others.push_back(timerfd_create(CLOCK_MONOTONIC, 0));
    start_timer(others.back(), kHour + static_cast<time_t>(others.size()));
  }
  const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  const Samples samples = measure(200, [timer] { start_timer(timer, 2 * kHour); });
  close(timer);
  for (const int other : others) close(other);
  return samples;
}

napi_value to_array(napi_env env, const Samples& samples) {
  napi_value array;
  napi_create_array_with_length(env, samples.size(), &array);
  for (uint32_t i = 0; i < samples.size(); ++i) {
    napi_value number;
    napi_create_double(env, samples[i], &number);
    napi_set_element(env, array, i, number);
  }
  return array;
}

napi_value run(napi_env env, napi_callback_info) {
  napi_value result;
  napi_create_object(env, &result);
  const auto add = [&](const char* name, const Samples& samples) {
    napi_set_named_property(env, result, name, to_array(env, samples));
  };
  add("system call", measure(5000, [] { syscall(SYS_getppid); }));
  add("context switch (sched_yield)", yields());
  add("context switch (futex, one CPU)", ping_pong(1, 1, 200));
  if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
    add("futex wake across CPUs", ping_pong(1, 2, 100));
    add("protect, write and open a page of two CPUs", protections());
  }
  add("page fault", page_faults());
  add("thread creation and join", thread_creation());
  add("start of a timer behind 900 others", timer_starts());
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "run", NAPI_AUTO_LENGTH, run, nullptr, &function);
  napi_set_named_property(env, exports, "run", function);
  return exports;
}
