#include "system_thread.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "freezing.h"
#include "isolates/script_file.h"
#include "kernel.h"
#include "thread.h"

namespace runtime {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr size_t kStackBytes = 2 * 1024 * 1024;
constexpr int kMostFailures = 5;
constexpr uint64_t kLongestPause = 30 * kSecond;
// nice(2) values. At the first one a thread that competes with the app's for one CPU gets 1 or 2 % of it;
// when the app blocks, it gets all.
constexpr int kBackSeat = 19;
constexpr int kOrdinary = 0;
// A life that lasted this long ends a row of failures.
constexpr uint64_t kStableLife = 10 * kSecond;
// How often the watchdog looks, and how often in a row it has to find the same turn.
constexpr std::chrono::seconds kWatchInterval{10};
constexpr int kStuckLooks = 2;
// How long a life may be on trial.
constexpr uint64_t kLongestTrial = 60 * kSecond;

}  // namespace

std::unique_ptr<SystemThread> SystemThread::Create(const RuntimeKernelInterface& kernel,
                                                   node::MultiIsolatePlatform* platform,
                                                   const node::EmbedderSnapshotData* snapshot) {
  if (access(kSystemBundlePath, F_OK) != 0) {
    kernel.broker_no_service();
    return nullptr;
  }
  if (IsToBeFrozen(kernel)) ExpectFrozenThread();
  return std::unique_ptr<SystemThread>(new SystemThread(kernel, platform, snapshot));
}

void SystemThread::Start() {
  const auto entry = [](void* self) -> void* {
    pthread_setname_np(pthread_self(), "system");
    static_cast<SystemThread*>(self)->Main();
    return nullptr;
  };
  const int error = StartThread(kStackBytes, entry, this, &thread_);
  started_ = error == 0;
  if (started_) {
    // Signals are for the app's threads here, too.
    const sigset_t blocked = SignalsForOthers();
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    watchdog_ = std::thread([this] { Watch(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  } else {
    kernel_.broker_no_service();
    Log(kernel_, RUNTIME_LOG_ERROR,
        std::string("system isolate: its thread cannot be started: ") + std::strerror(error));
  }
}

void SystemThread::Stop() {
  if (!started_) return;
  // The last moment at which somebody can send it.
  kernel_.broker_finish_sending();
  {
    const std::lock_guard lock(mutex_);
    stopping_.store(true);
    if (current_ != nullptr) current_->Terminate();
  }
  stopped_.notify_all();
  watchdog_.join();
  kernel_.notify_events(RUNTIME_EVENT_WAKE);
  pthread_join(thread_, nullptr);
  started_ = false;
}

// Loading the app and starting drivers and the network compete for the CPU, where there is only one.
// Nothing here is urgent before the app waits for it.
void SystemThread::TakeBackSeat() {
  const pid_t id = gettid();
  setpriority(PRIO_PROCESS, static_cast<id_t>(id), kBackSeat);
  thread_id_.store(id);
  if (app_has_started_.load()) setpriority(PRIO_PROCESS, static_cast<id_t>(id), kOrdinary);
}

void SystemThread::AppHasStarted() {
  app_has_started_.store(true);
  kernel_.terminal_want();
  const pid_t id = thread_id_.load();
  if (id != 0) setpriority(PRIO_PROCESS, static_cast<id_t>(id), kOrdinary);
}

void SystemThread::Watch() {
  pthread_setname_np(pthread_self(), "system-watchdog");
  const SystemIsolate* watched = nullptr;
  uint64_t beat = 0;
  int looks = 0;
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, kWatchInterval, [this] { return stopping_.load(); })) {
    const uint64_t trial = trial_since_.load();
    if (current_ != nullptr && trial != 0 && !current_->IsKept() &&
        kernel_.monotonic_nanoseconds() - trial > kLongestTrial) {
      current_->Kill("it has not started within 60 s");
    }
    // In its back seat a turn may take long without being to blame for it.
    if (current_ == nullptr || !app_has_started_.load()) {
      watched = nullptr;
      continue;
    }
    const uint64_t now = current_->Beat();
    const bool is_working = now % 2 == 0;
    looks = is_working && watched == current_ && beat == now ? looks + 1 : 0;
    watched = current_;
    beat = now;
    if (looks == kStuckLooks) current_->Interrupt();
  }
}

void SystemThread::Main() {
  TakeBackSeat();
  int failures = 0;
  bool has_worked = false;
  Inheritance inheritance;
  while (!stopping_.load()) {
    const std::shared_ptr<const ScriptFile> script = ScriptFile::Open(kSystemBundlePath);
    if (script == nullptr) {
      Log(kernel_, RUNTIME_LOG_ERROR,
          std::string("system isolate: ") + kSystemBundlePath +
              " cannot be read: " + std::strerror(errno));
      kernel_.broker_no_service();
      return;
    }
    const uint64_t start = kernel_.monotonic_nanoseconds();
    const std::optional<std::string> state = inheritance.state;
    bool is_kept = false;
    const SystemIsolate::End end = RunOnce(*script, &inheritance, &is_kept);
    kernel_.broker_detach();
    if (end == SystemIsolate::End::kTerminated) return;
    const bool was_on_trial = trial_since_.exchange(0) != 0 && !is_kept;
    if (end == SystemIsolate::End::kRestarting) {
      trial_since_.store(kernel_.monotonic_nanoseconds());
      continue;
    }
    ScriptFile::Revert();
    if (was_on_trial) {
      inheritance.state = state;
      Log(kernel_, RUNTIME_LOG_WARN,
          "system isolate: the version that was to replace it has failed (" +
              inheritance.failure->substr(0, inheritance.failure->find('\n')) +
              "); the one before is started again");
      continue;
    }
    const bool was_stable = kernel_.monotonic_nanoseconds() - start >= kStableLife;
    has_worked = has_worked || was_stable;
    failures = was_stable ? 1 : failures + 1;
    // What once worked fails for what it meets, such as what a peer sends: giving up would let the peer
    // end the network for good.
    if (failures >= kMostFailures && !has_worked) {
      Log(kernel_, RUNTIME_LOG_ERROR,
          "system isolate: it failed " + std::to_string(failures) +
              " times in a row and is not started again; the app runs on without system services");
      kernel_.broker_no_service();
      return;
    }
    const uint64_t pause =
        std::min(kSecond << std::min(failures - 1, kMostFailures), kLongestPause);
    Log(kernel_, RUNTIME_LOG_WARN,
        "system isolate: it is started again in " + std::to_string(pause / kSecond) + " s");
    Sleep(pause);
  }
}

// inheritance: what the life before has left, and then what this one leaves.
SystemIsolate::End SystemThread::RunOnce(const ScriptFile& script, Inheritance* inheritance,
                                         bool* is_kept) {
  const std::unique_ptr<SystemIsolate> isolate =
      SystemIsolate::Create(kernel_, platform_, snapshot_);
  if (isolate == nullptr) {
    Log(kernel_, RUNTIME_LOG_ERROR, "system isolate: V8 could not make it: out of memory");
    *inheritance = {{}, "V8 could not make it: out of memory"};
    return SystemIsolate::End::kFailed;
  }
  isolate->set_inheritance(std::move(*inheritance));
  isolate->set_callers(callers_);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_.load()) return SystemIsolate::End::kTerminated;
    current_ = isolate.get();
  }
  const SystemIsolate::End end = isolate->Run(script);
  callers_->Leave();
  const std::lock_guard lock(mutex_);
  current_ = nullptr;
  *inheritance = isolate->TakeInheritance();
  *is_kept = isolate->IsKept();
  return end;
}

void SystemThread::Sleep(uint64_t nanoseconds) {
  const uint64_t deadline = kernel_.monotonic_nanoseconds() + nanoseconds;
  while (!stopping_.load() && kernel_.monotonic_nanoseconds() < deadline) {
    kernel_.wait_for_events(RUNTIME_EVENT_WAKE, deadline);
  }
}

}  // namespace runtime
