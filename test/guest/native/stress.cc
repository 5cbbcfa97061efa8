#include "stress.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

extern "C" {
uint64_t hold_registers(uint64_t seed, uint64_t iterations);
void hold_vectors(const void* from, void* to, uint64_t iterations);
void hold_wide_vectors(const void* from, void* to, uint64_t iterations);
uint64_t hold_x87(uint64_t iterations);
}

namespace {

/// One round takes about a time slice on translated code, and less than a millisecond natively; what
/// matters is that interrupts fall into it.
constexpr uint64_t kIterations = 400'000;
/// An array on the stack of a handler, so that it writes over what it must not.
constexpr size_t kHandlerScratch = 4096;

std::atomic<uint64_t> handled_signals{0};

uint64_t now_milliseconds() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000 +
         static_cast<uint64_t>(time.tv_nsec) / 1'000'000;
}

bool check_registers(uint64_t seed) { return hold_registers(seed, kIterations) == 0; }

bool check_vectors(uint64_t seed) {
  alignas(32) uint8_t before[512];
  alignas(32) uint8_t after[512];
  for (size_t i = 0; i < sizeof(before); ++i) before[i] = static_cast<uint8_t>(seed * 31 + i * 7);
  const bool wide = __builtin_cpu_supports("avx") != 0;
  const size_t size = wide ? 512 : 256;

  // Odd threads round down, even ones to nearest (SDM 10.2.3), in both units.
  const uint32_t wanted_control = seed % 2 ? 0x3f80 : 0x1f80;
  const uint16_t wanted_x87 = seed % 2 ? 0x077f : 0x037f;
  uint32_t saved_control, found_control;
  uint16_t saved_x87, found_x87;
  __asm__ volatile("stmxcsr %0\n fnstcw %1" : "=m"(saved_control), "=m"(saved_x87));
  __asm__ volatile("ldmxcsr %0\n fldcw %1" : : "m"(wanted_control), "m"(wanted_x87));
  if (wide) {
    hold_wide_vectors(before, after, kIterations);
  } else {
    hold_vectors(before, after, kIterations);
  }
  const uint64_t sum = hold_x87(kIterations);
  __asm__ volatile("stmxcsr %0\n fnstcw %1" : "=m"(found_control), "=m"(found_x87));
  __asm__ volatile("ldmxcsr %0\n fldcw %1" : : "m"(saved_control), "m"(saved_x87));
  constexpr uint32_t kControlBits = 0xffc0;  // not the sticky exception flags
  return memcmp(before, after, size) == 0 && sum == 4 && found_x87 == wanted_x87 &&
         (found_control & kControlBits) == (wanted_control & kControlBits);
}

void on_signal(int, siginfo_t*, void*) {
  volatile uint8_t scratch[kHandlerScratch];
  for (size_t i = 0; i < kHandlerScratch; i += 64) scratch[i] = static_cast<uint8_t>(i);
  (void)scratch[0];
  const uint16_t x87_up = 0x0b7f;
  const uint32_t sse_up = 0x5f80;
  __asm__ volatile(
      "fninit\n fldcw %0\n ldmxcsr %1\n"
      "pcmpeqd %%xmm0, %%xmm0\n movaps %%xmm0, %%xmm7\n movaps %%xmm0, %%xmm15\n"
      "fld1\n fld1\n fld1\n stc\n"
      :
      : "m"(x87_up), "m"(sse_up)
      : "xmm0", "xmm7", "xmm15", "cc", "memory");
  handled_signals.fetch_add(1, std::memory_order_relaxed);
}

using Check = bool (*)(uint64_t seed);

bool check_everything(uint64_t seed) { return check_registers(seed) && check_vectors(seed); }

/// Runs the check in every thread until the time is over.
StressResult run(Check check, unsigned count, unsigned milliseconds, bool with_signals) {
  std::atomic<uint64_t> rounds{0};
  std::atomic<uint64_t> mismatches{0};
  std::atomic<unsigned> ready{0};
  std::atomic<bool> may_end{false};
  const uint64_t end = now_milliseconds() + milliseconds;
  std::vector<std::thread> threads;
  for (unsigned index = 0; index < count; ++index) {
    threads.emplace_back([&, index] {
      std::vector<uint8_t> stack(64 * 1024);
      if (with_signals && index % 2) {
        stack_t alternate{};
        alternate.ss_sp = stack.data();
        alternate.ss_size = stack.size();
        sigaltstack(&alternate, nullptr);
      }
      ready.fetch_add(1);
      for (uint64_t round = 0; now_milliseconds() < end; ++round) {
        rounds.fetch_add(1, std::memory_order_relaxed);
        if (!check(0x1234'5678'9abcULL * (index + 1) + round)) {
          mismatches.fetch_add(1, std::memory_order_relaxed);
        }
      }
      // A thread that ended is no target for pthread_kill.
      while (!may_end.load()) {
        const timespec pause{0, 1'000'000};
        nanosleep(&pause, nullptr);
      }
      stack_t off{};
      off.ss_flags = SS_DISABLE;
      sigaltstack(&off, nullptr);
    });
  }
  while (with_signals && now_milliseconds() < end) {
    if (ready.load() == count) {
      for (std::thread& thread : threads) pthread_kill(thread.native_handle(), SIGUSR1);
    }
    const timespec pause{0, 200'000};
    nanosleep(&pause, nullptr);
  }
  may_end.store(true);
  for (std::thread& thread : threads) thread.join();
  return {rounds.load(), mismatches.load(), 0};
}

}  // namespace

StressResult stress_registers(unsigned threads, unsigned milliseconds) {
  return run(check_registers, threads, milliseconds, false);
}

StressResult stress_vectors(unsigned threads, unsigned milliseconds) {
  return run(check_vectors, threads, milliseconds, false);
}

StressResult stress_signals(unsigned threads, unsigned milliseconds) {
  // Node uses SIGUSR1 to start its inspector; the test has it for a while.
  struct sigaction action {};
  struct sigaction previous {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigemptyset(&action.sa_mask);
  handled_signals.store(0);
  sigaction(SIGUSR1, &action, &previous);
  StressResult result = run(check_everything, threads, milliseconds, true);
  sigaction(SIGUSR1, &previous, nullptr);
  result.signals = handled_signals.load();
  return result;
}
