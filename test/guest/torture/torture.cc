#include "torture.h"

#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <vector>

namespace torture {

namespace {

Activity* const activities[] = {&futex_ring,     &pinned_ring,        &futex_timeouts,
                                &futex_requeue,  &futex_mutex,        &page_faults,
                                &replaced_pages, &protected_pages,    &unmapped_pages,
                                &queued_signals, &interrupted_waits,  &timers,
                                &thread_churn,   &affinities,         &pipes,
                                &registers,      &condition_variables};

constexpr unsigned kMaximumThreads = 64;
constexpr uint64_t kReportSeconds = 10;
constexpr uint64_t kSecond = 1'000'000'000;
/// How long all run at once before one has the machine for itself.
constexpr uint64_t kCrowdTime = 2 * kSecond;

std::atomic<bool> is_stopping{false};
std::atomic<pid_t> movable[kMaximumThreads];
std::atomic<unsigned> movable_count{0};
uint64_t run_seed = 0;

/// The activity that has the machine for itself, if any; `phase` changes after it does.
std::atomic<Activity*> soloist{nullptr};
std::atomic<uint32_t> phase{0};

void set_soloist(Activity* activity) {
  soloist = activity;
  phase.fetch_add(1);
  syscall(SYS_futex, &phase, FUTEX_WAKE_PRIVATE, INT32_MAX);
}

struct Start {
  Activity* activity;
  unsigned index;
};

void* run_thread(void* argument) {
  const Start start = *static_cast<Start*>(argument);
  if (start.activity->lets_others_move_it)
    movable[movable_count.fetch_add(1)] = static_cast<pid_t>(syscall(SYS_gettid));
  start.activity->run(*start.activity, start.index);
  start.activity->running.fetch_sub(1);
  return nullptr;
}

struct Landing {
  sigjmp_buf place;
  volatile bool is_set = false;
};
thread_local Landing landing;

/// What was there before, such as V8's handler of WebAssembly's traps.
struct sigaction previous_segmentation, previous_bus;

void on_fault(int signal, siginfo_t* info, void* context) {
  if (landing.is_set) {
    landing.is_set = false;
    siglongjmp(landing.place, 1);
  }
  const struct sigaction& previous = signal == SIGBUS ? previous_bus : previous_segmentation;
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal, info, context);
  } else {
    sigaction(signal, &previous, nullptr);  // the access is made again, and ends the process
  }
}

void catch_faults() {
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &previous_segmentation);
  sigaction(SIGBUS, &action, &previous_bus);
}

void release_faults() {
  sigaction(SIGSEGV, &previous_segmentation, nullptr);
  sigaction(SIGBUS, &previous_bus, nullptr);
}

/// Watches that what runs goes on, and gives one activity after the other the machine for itself.
class Watch {
 public:
  Watch(const std::vector<Activity*>& chosen, unsigned stall_seconds)
      : chosen_(chosen),
        stall_seconds_(stall_seconds),
        seen_(chosen.size()),
        moved_(chosen.size()) {}

  void run(uint64_t seconds) {
    const uint64_t start = now_nanoseconds();
    begin_phase(nullptr);
    uint64_t reported = 0;
    for (uint64_t now = start; now - start < seconds * kSecond; now = now_nanoseconds()) {
      look(50'000, false);
      const uint64_t elapsed = (now - start) / kSecond;
      if (elapsed / kReportSeconds != reported) {
        reported = elapsed / kReportSeconds;
        printf("torture: %llu s\n", static_cast<unsigned long long>(elapsed));
        fflush(stdout);
      }
      if (chosen_.size() < 2) continue;
      if (Activity* const alone = soloist.load()) {
        if (alone->steps - phase_steps_ >= alone->quota) begin_phase(nullptr);
      } else if (now - phase_start_ > kCrowdTime) {
        begin_phase(chosen_[next_soloist_++ % chosen_.size()]);
      }
    }
    begin_phase(nullptr);
  }

  void wait_for_end() {
    while (look(10'000, true)) {
    }
  }

 private:
  void begin_phase(Activity* alone) {
    phase_start_ = now_nanoseconds();
    phase_steps_ = alone ? alone->steps.load() : 0;
    for (uint64_t& moved : moved_) moved = attended_;
    set_soloist(alone);
  }

  /// Looks at everybody after a pause. Returns how many threads run.
  unsigned look(uint64_t microseconds, bool at_end) {
    const uint64_t before = now_nanoseconds();
    pause_microseconds(microseconds);
    // A host that has no time for this machine makes the pause longer, and is no fault of the activities'.
    attended_ += std::min(now_nanoseconds() - before, 2 * microseconds * 1000);
    const uint64_t now = attended_;
    unsigned running = 0;
    const Activity* const alone = soloist;
    for (size_t i = 0; i < chosen_.size(); ++i) {
      const Activity& activity = *chosen_[i];
      const uint64_t here = activity.steps + (at_end ? activity.threads - activity.running : 0);
      running += activity.running;
      // A phase of its own has to come to its quota, too: each wake-up may not wait for chance to help.
      if (here != seen_[i] && &activity != alone) moved_[i] = now;
      seen_[i] = here;
      if ((alone && alone != &activity) || activity.running == 0 ||
          now < moved_[i] + stall_seconds_ * kSecond)
        continue;
      fail(activity, "%s for %u s%s: it hangs, or a wake-up was lost (%u threads, %llu steps)",
           at_end  ? "does not end"
           : alone ? "makes few steps"
                   : "makes no step",
           stall_seconds_, alone ? " alone" : "", activity.running.load(),
           static_cast<unsigned long long>(activity.steps));
    }
    return running;
  }

  const std::vector<Activity*>& chosen_;
  unsigned stall_seconds_;
  std::vector<uint64_t> seen_, moved_;
  uint64_t phase_start_ = 0, phase_steps_ = 0;
  uint64_t attended_ = 0;  // nanoseconds during which the others could have run
  size_t next_soloist_ = 0;
};

}  // namespace

bool Activity::goes_on() {
  for (;;) {
    const uint32_t seen = phase;
    const Activity* const alone = soloist;
    if (!alone || alone == this) return !is_stopping;
    syscall(SYS_futex, &phase, FUTEX_WAIT_PRIVATE, seen, nullptr);
  }
}

void fail(const Activity& activity, const char* format, ...) {
  static std::atomic<bool> has_failed{false};
  while (has_failed.exchange(true)) pause();  // one report is enough
  char text[400];
  int length = snprintf(text, sizeof(text), "torture: FAILED in %s: ", activity.name);
  va_list arguments;
  va_start(arguments, format);
  length +=
      vsnprintf(text + length, sizeof(text) - static_cast<size_t>(length) - 1, format, arguments);
  va_end(arguments);
  if (length > static_cast<int>(sizeof(text)) - 2) length = sizeof(text) - 2;
  text[length] = '\n';
  (void)!write(1, text, static_cast<size_t>(length) + 1);
  _exit(1);
}

Random::Random(const Activity& activity, unsigned index)
    : state_(run_seed ^ (index + 1) * 0x9e3779b97f4a7c15ull) {
  for (const char* letter = activity.name; *letter; ++letter)
    state_ = state_ * 31 + static_cast<uint8_t>(*letter);
  if (state_ == 0) state_ = 1;
}

uint64_t Random::next() {  // xorshift64*
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return (state_ * 0x2545f4914f6cdd1dull) >> 16;
}

uint64_t now_nanoseconds() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

void pause_microseconds(uint64_t microseconds) {
  timespec time = {static_cast<time_t>(microseconds / 1'000'000),
                   static_cast<long>(microseconds % 1'000'000) * 1000};
  while (nanosleep(&time, &time) != 0) {
  }
}

pid_t movable_thread(uint64_t place) {
  const unsigned count = movable_count;
  return count ? movable[place % count].load() : 0;
}

bool faults(void (*access)(void*), void* argument) {
  if (sigsetjmp(landing.place, 1)) return true;
  landing.is_set = true;
  access(argument);
  landing.is_set = false;
  return false;
}

bool run(unsigned seconds, uint64_t seed, unsigned stall_seconds, const char* only) {
  run_seed = seed;
  std::vector<Activity*> chosen;
  for (Activity* activity : activities)
    if (!*only || strcmp(activity->name, only) == 0) chosen.push_back(activity);
  if (chosen.empty()) return false;
  catch_faults();
  std::vector<Start> starts;
  for (Activity* activity : chosen) {
    activity->running = activity->threads;
    for (unsigned i = 0; i < activity->threads; ++i) starts.push_back({activity, i});
  }
  std::vector<pthread_t> threads(starts.size());
  for (size_t i = 0; i < starts.size(); ++i)
    if (pthread_create(&threads[i], nullptr, run_thread, &starts[i]) != 0)
      fail(*starts[i].activity, "there are too few threads");
  Watch watch(chosen, stall_seconds);
  watch.run(seconds);
  is_stopping = true;
  watch.wait_for_end();
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  release_faults();
  for (Activity* activity : chosen) {
    if (activity->check) activity->check(*activity);
    if (activity->steps == 0) fail(*activity, "made no step at all");
    printf("torture: %s %llu\n", activity->name,
           static_cast<unsigned long long>(activity->steps.load()));
  }
  printf("torture: passed\n");
  fflush(stdout);
  return true;
}

}  // namespace torture
