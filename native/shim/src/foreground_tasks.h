// The tasks that V8 posts to a bare isolate's own thread.
#ifndef RUNTIME_SHIM_FOREGROUND_TASKS_H
#define RUNTIME_SHIM_FOREGROUND_TASKS_H

#include <v8-platform.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "isolates/doorbell.h"
#include "kernel_interface.h"

namespace runtime {

/**
 * Task runner of one bare isolate. Any thread may post; the isolate's thread runs what is ready
 * from its event loop, never nested, so that non-nestable tasks need no queue of their own. Posting
 * wakes the event loop.
 */
class ForegroundTasks final : public v8::TaskRunner {
 public:
  /** @param doorbell of the isolate's thread; not used after Close() */
  ForegroundTasks(const RuntimeKernelInterface& kernel, Doorbell& doorbell)
      : kernel_(kernel), doorbell_(&doorbell) {}

  /**
   * Runs what is due; what that posts waits for the next call. For the isolate's thread only.
   * @returns whether anything was
   */
  bool RunReady();

  /** When the earliest task is due: 0 for at once, RUNTIME_NO_DEADLINE when there is none. */
  uint64_t NextDeadline() const { return next_deadline_.load(); }

  /** Drops every task and all that are posted from now on: the isolate is about to go. */
  void Close();

  bool IdleTasksEnabled() override { return false; }
  bool NonNestableTasksEnabled() const override { return true; }
  bool NonNestableDelayedTasksEnabled() const override { return true; }

 protected:
  void PostTaskImpl(std::unique_ptr<v8::Task> task, const v8::SourceLocation&) override;
  void PostNonNestableTaskImpl(std::unique_ptr<v8::Task> task, const v8::SourceLocation&) override;
  void PostDelayedTaskImpl(std::unique_ptr<v8::Task> task, double delay_in_seconds,
                           const v8::SourceLocation&) override;
  void PostNonNestableDelayedTaskImpl(std::unique_ptr<v8::Task> task, double delay_in_seconds,
                                      const v8::SourceLocation&) override;

 private:
  struct Pending {
    uint64_t deadline;
    uint64_t sequence;  // keeps the order of tasks with one deadline
    std::unique_ptr<v8::Task> task;
    bool operator<(const Pending& other) const {  // the heap's top is its largest
      return deadline != other.deadline ? deadline > other.deadline : sequence > other.sequence;
    }
  };

  void Post(std::unique_ptr<v8::Task> task, uint64_t deadline);
  void NoteNextDeadline();

  const RuntimeKernelInterface& kernel_;
  std::mutex mutex_;  // guards all below
  Doorbell* doorbell_;
  std::atomic<uint64_t> next_deadline_ =
      RUNTIME_NO_DEADLINE;  // of the heap, written under the mutex
  std::vector<Pending> heap_;
  uint64_t next_sequence_ = 0;
  bool closed_ = false;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_FOREGROUND_TASKS_H
