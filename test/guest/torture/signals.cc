// Signals that find threads wherever they are, and waits that end in time and not before.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "torture.h"

extern "C" uint64_t hold_registers(uint64_t seed, uint64_t iterations);

namespace torture {

namespace {

// ---- queued signals arrive once and in order, and change no register ----
constexpr unsigned kTargets = 3;
/// Fewer than the kernel queues for a process.
constexpr uint64_t kMostOutstanding = 24;
constexpr uint64_t kIterations = 20'000;

struct Target {
  std::atomic<bool> is_ready{false};
  pthread_t thread{};
  std::atomic<uint64_t> sent{0}, received{0};
};
Target targets[kTargets];
thread_local Target* own_target = nullptr;

int queued_signal() { return SIGRTMIN + 3; }

void on_queued(int, siginfo_t* info, void*) {
  const uint64_t number = own_target->received.load(std::memory_order_relaxed);
  const auto value = reinterpret_cast<uintptr_t>(info->si_value.sival_ptr);
  if (info->si_code != SI_QUEUE || value != number)
    fail(queued_signals, "signal %lu came, %lu was due", static_cast<unsigned long>(value),
         static_cast<unsigned long>(number));
  own_target->received.store(number + 1, std::memory_order_relaxed);
  queued_signals.step();
}

void receive(Activity& self, unsigned index) {
  Random random(self, index);
  Target& target = targets[index];
  own_target = &target;
  target.thread = pthread_self();
  struct sigaction action {};
  action.sa_sigaction = on_queued;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(queued_signal(), &action, nullptr);
  target.is_ready = true;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, queued_signal());
  while (self.goes_on() || target.received != target.sent) {
    switch (random.below(4)) {
      case 0:
        pause_microseconds(random.below(500));
        break;
      case 1:  // what comes meanwhile stays pending
        pthread_sigmask(SIG_BLOCK, &set, nullptr);
        pause_microseconds(random.below(200));
        pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
        break;
      default:
        if (hold_registers(random.next(), kIterations) != 0)
          fail(self, "a signal's handler changed what it interrupted");
    }
  }
}

void run_queued(Activity& self, unsigned index) {
  if (index < kTargets) return receive(self, index);
  Random random(self, index);
  while (self.goes_on()) {
    Target& target = targets[random.below(kTargets)];
    if (!target.is_ready || target.sent - target.received >= kMostOutstanding) {
      pause_microseconds(200);
      continue;
    }
    const uint64_t number = target.sent.fetch_add(1);
    sigval value;
    value.sival_ptr = reinterpret_cast<void*>(number);
    const int error = pthread_sigqueue(target.thread, queued_signal(), value);
    if (error) fail(self, "pthread_sigqueue: %s", strerror(error));
    if (random.below(8) == 0) pause_microseconds(random.below(300));
  }
}

// ---- a signal that is there before the wait, or comes during it, ends it ----
std::atomic<uint64_t> handled{0}, answered{0};
std::atomic<bool> is_last_signal{false};
std::atomic<bool> sleeper_is_ready{false};
pthread_t sleeper_thread;

int interrupting_signal() { return SIGRTMIN + 4; }

void on_interrupting(int) { handled.fetch_add(1); }

void run_interrupted(Activity& self, unsigned index) {
  if (index == 0) {  // sleeps for ever, but for the signal
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, interrupting_signal());
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    struct sigaction action {};
    action.sa_handler = on_interrupting;
    sigaction(interrupting_signal(), &action, nullptr);
    sleeper_thread = pthread_self();
    sleeper_is_ready = true;
    for (uint64_t round = 0, ends = 0; !ends; ++round) {
      if (round % 2) {
        pollfd nothing{-1, 0, 0};
        if (ppoll(&nothing, 1, nullptr, &before) != -1 || errno != EINTR)
          fail(self, "ppoll ended without a signal");
      } else {
        sigsuspend(&before);
      }
      if (handled != round + 1) fail(self, "a handler ran twice, or not at all");
      ends = is_last_signal;
      answered = round + 1;
      self.step();
    }
    return;
  }
  Random random(self, index);
  while (!sleeper_is_ready) pause_microseconds(100);
  for (uint64_t round = 0; !is_last_signal; ++round) {
    while (answered != round) pause_microseconds(20);
    if (random.below(2)) pause_microseconds(random.below(300));
    is_last_signal = !self.goes_on();
    if (pthread_kill(sleeper_thread, interrupting_signal()) != 0) fail(self, "pthread_kill failed");
  }
}

// ---- sleeping ----
/// Later than this a timer is lost, however busy the machine is.
constexpr uint64_t kTooLate = 60'000'000'000;

void expect_time(const Activity& self, uint64_t due, const char* what) {
  const uint64_t now = now_nanoseconds();
  if (now < due)
    fail(self, "%s ended %llu ns early", what, static_cast<unsigned long long>(due - now));
  if (now > due + kTooLate) fail(self, "%s ended a minute late", what);
}

void run_timers(Activity& self, unsigned index) {
  Random random(self, index);
  const int file = timerfd_create(CLOCK_MONOTONIC, 0);
  if (file < 0) fail(self, "timerfd_create: %s", strerror(errno));
  while (self.goes_on()) {
    const uint64_t due = now_nanoseconds() + random.below(3'000'000);
    const timespec at = {static_cast<time_t>(due / 1'000'000'000),
                         static_cast<long>(due % 1'000'000'000)};
    switch (random.below(3)) {
      case 0:
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
        expect_time(self, due, "clock_nanosleep");
        break;
      case 1: {
        itimerspec timer{};
        timer.it_value = at;
        if (timerfd_settime(file, TFD_TIMER_ABSTIME, &timer, nullptr) != 0)
          fail(self, "timerfd_settime: %s", strerror(errno));
        uint64_t count = 0;
        if (read(file, &count, sizeof(count)) != sizeof(count) || count != 1)
          fail(self, "a timer expired %llu times", static_cast<unsigned long long>(count));
        expect_time(self, due, "timerfd");
        break;
      }
      default: {
        const int milliseconds = static_cast<int>(random.below(4));
        const uint64_t start = now_nanoseconds();
        poll(nullptr, 0, milliseconds);
        expect_time(self, start + static_cast<uint64_t>(milliseconds) * 1'000'000, "poll");
      }
    }
    self.step();
  }
  close(file);
}

}  // namespace

Activity queued_signals("queued-signals", kTargets + 1, 200, run_queued);
Activity interrupted_waits("interrupted-waits", 2, 500, run_interrupted);
Activity timers("timers", 3, 200, run_timers);

}  // namespace torture
