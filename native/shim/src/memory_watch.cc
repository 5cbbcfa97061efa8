#include "memory_watch.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "freezing.h"
#include "thread.h"

namespace runtime {
namespace {

constexpr size_t kStackBytes = 64 * 1024;
// It runs for moments, while another thread takes what is left.
constexpr int kNice = -20;
// What a collection is to give back for the next one to follow as soon.
constexpr uint64_t kWorthwhileBytes = 1 << 20;
constexpr uint64_t kLeastPause = 250'000'000;  // ns
constexpr uint64_t kMostPause = 32 * kLeastPause;

/** The isolates that can be asked. */
class WatchedIsolates {
 public:
  static WatchedIsolates& Get() {
    static auto* const isolates = new WatchedIsolates;  // threads may outlive the statics
    return *isolates;
  }

  void Add(v8::Isolate* isolate) {
    const std::lock_guard lock(mutex_);
    isolates_.push_back(isolate);
  }
  void Remove(v8::Isolate* isolate) {
    const std::lock_guard lock(mutex_);
    std::erase(isolates_, isolate);
  }
  void Clear() {
    const std::lock_guard lock(mutex_);
    isolates_.clear();
  }
  /** Each collects its garbage once, when it comes to it. */
  void Collect() {
    const std::lock_guard lock(mutex_);
    for (v8::Isolate* const isolate : isolates_) {
      isolate->MemoryPressureNotification(v8::MemoryPressureLevel::kCritical);
    }
  }

 private:
  std::mutex mutex_;
  std::vector<v8::Isolate*> isolates_;  // guarded by mutex_
};

uint64_t FreeBytes(const RuntimeKernelInterface& kernel) {
  RuntimeMemoryStatistics memory = {};
  kernel.memory_statistics(&memory);
  return memory.free;
}

void* Watch(void* argument) {
  const auto& kernel = *static_cast<const RuntimeKernelInterface*>(argument);
  pthread_setname_np(pthread_self(), "memory");
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
  SleepUntilResumed(kernel);
  WatchedIsolates& isolates = WatchedIsolates::Get();
  uint64_t not_before = 0;
  uint64_t pause = kLeastPause;
  for (;;) {
    kernel.await_memory_shortage(not_before);
    const uint64_t had = FreeBytes(kernel);
    malloc_trim(0);
    if (FreeBytes(kernel) < had + kWorthwhileBytes) {
      isolates.Collect();
      kernel.await_memory_shortage(kernel.monotonic_nanoseconds() + kLeastPause);
      malloc_trim(0);
    }
    // Collections that find nothing would take the processor from the app.
    const bool is_worthwhile = FreeBytes(kernel) >= had + kWorthwhileBytes;
    pause = is_worthwhile ? kLeastPause : std::min(2 * pause, kMostPause);
    not_before = kernel.monotonic_nanoseconds() + pause;
  }
}

}  // namespace

void WatchMemory(const RuntimeKernelInterface& kernel) {
  pthread_t thread;
  void* const argument = const_cast<RuntimeKernelInterface*>(&kernel);
  const int error = StartThread(kStackBytes, Watch, argument, &thread);
  if (error == 0) {
    pthread_detach(thread);
    return;
  }
  Log(kernel, RUNTIME_LOG_WARN,
      std::string("no memory will be given back when it runs short: ") + std::strerror(error));
}

void StopWatchingMemory() { WatchedIsolates::Get().Clear(); }

MemoryWatched::MemoryWatched(v8::Isolate* isolate) : isolate_(isolate) {
  WatchedIsolates::Get().Add(isolate);
}

MemoryWatched::~MemoryWatched() { WatchedIsolates::Get().Remove(isolate_); }

}  // namespace runtime
