#include "foreground_tasks.h"

#include <algorithm>
#include <utility>

namespace runtime {

bool ForegroundTasks::RunReady() {
  // Who posts rings after it has written this.
  if (next_deadline_.load() == RUNTIME_NO_DEADLINE) return false;
  std::vector<std::unique_ptr<v8::Task>> ready;
  {
    const std::lock_guard lock(mutex_);
    const uint64_t now = kernel_.monotonic_nanoseconds();
    while (!heap_.empty() && heap_.front().deadline <= now) {
      std::pop_heap(heap_.begin(), heap_.end());
      ready.push_back(std::move(heap_.back().task));
      heap_.pop_back();
    }
    NoteNextDeadline();
  }
  for (const auto& task : ready) task->Run();
  return !ready.empty();
}

void ForegroundTasks::NoteNextDeadline() {
  next_deadline_.store(heap_.empty() ? RUNTIME_NO_DEADLINE : heap_.front().deadline);
}

void ForegroundTasks::Close() {
  std::vector<Pending> dropped;  // outlives the lock: a task's destructor may post
  const std::lock_guard lock(mutex_);
  closed_ = true;
  doorbell_ = nullptr;
  dropped.swap(heap_);
  NoteNextDeadline();
}

void ForegroundTasks::Post(std::unique_ptr<v8::Task> task, uint64_t deadline) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  heap_.push_back({deadline, next_sequence_++, std::move(task)});
  std::push_heap(heap_.begin(), heap_.end());
  NoteNextDeadline();
  doorbell_->Ring();
}

void ForegroundTasks::PostTaskImpl(std::unique_ptr<v8::Task> task, const v8::SourceLocation&) {
  Post(std::move(task), 0);
}

void ForegroundTasks::PostNonNestableTaskImpl(std::unique_ptr<v8::Task> task,
                                              const v8::SourceLocation&) {
  Post(std::move(task), 0);
}

void ForegroundTasks::PostDelayedTaskImpl(std::unique_ptr<v8::Task> task, double delay_in_seconds,
                                          const v8::SourceLocation&) {
  const uint64_t delay = static_cast<uint64_t>(std::max(delay_in_seconds, 0.0) * 1e9);
  Post(std::move(task), kernel_.monotonic_nanoseconds() + delay);
}

void ForegroundTasks::PostNonNestableDelayedTaskImpl(std::unique_ptr<v8::Task> task,
                                                     double delay_in_seconds,
                                                     const v8::SourceLocation& location) {
  PostDelayedTaskImpl(std::move(task), delay_in_seconds, location);
}

}  // namespace runtime
