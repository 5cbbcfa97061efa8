// What the thread of an isolate has of the CPU.
#ifndef RUNTIME_SHIM_ISOLATES_THREAD_SHARE_H
#define RUNTIME_SHIM_ISOLATES_THREAD_SHARE_H

#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

namespace runtime {

/**
 * The share that who has started an isolate gives it, as nice(2) has it, and about a thirtieth of that while its thread
 * yields to those whose turns are short. From any thread, unless it says otherwise.
 */
class ThreadShare {
 public:
  explicit ThreadShare(int nice) : nice_(nice) {}

  /** The thread begins, and has it from now on. For that thread. */
  void Begin() {
    const std::lock_guard lock(mutex_);
    thread_ = gettid();
    Apply();
  }
  /** The thread is about to end. */
  void End() {
    const std::lock_guard lock(mutex_);
    thread_ = 0;
  }

  void SetNice(int nice) {
    const std::lock_guard lock(mutex_);
    nice_ = nice;
    Apply();
  }
  void SetYielding(bool yields) {
    const std::lock_guard lock(mutex_);
    yields_ = yields;
    Apply();
  }

 private:
  // Each step is worth a factor of 1.25.
  static constexpr int kYield = 15;
  static constexpr int kLowest = 19;

  void Apply() const {
    const int nice = std::min(nice_ + (yields_ ? kYield : 0), kLowest);
    if (thread_ != 0) setpriority(PRIO_PROCESS, static_cast<id_t>(thread_), nice);
  }

  std::mutex mutex_;  // guards what is below
  pid_t thread_ = 0;  // while there is one
  int nice_;
  bool yields_ = false;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_THREAD_SHARE_H
