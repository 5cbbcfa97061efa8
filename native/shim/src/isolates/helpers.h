// Threads that do for isolates what V8 can do beside them: parts of garbage collections, and compilation.
#ifndef RUNTIME_SHIM_ISOLATES_HELPERS_H
#define RUNTIME_SHIM_ISOLATES_HELPERS_H

#include <v8-platform.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "isolate_threads.h"

namespace runtime {

/**
 * Does tasks on threads that have the share of the isolate for which each task is: one thread at a time for an isolate, in
 * the order of posting. So what one isolate has done waits for no other one, whose share may be small. Threads are
 * started when they are needed, and end when they have had nothing to do for a while. From any thread; lives until the
 * process ends.
 */
class Helpers {
 public:
  /** Has a task done for an isolate. @returns false when there is no thread for it: the task is still the caller's */
  bool Post(IsolateThreads& whose, std::unique_ptr<v8::Task>& task);

 private:
  using Tasks = std::deque<std::unique_ptr<v8::Task>>;

  bool StartHelper();
  void Help();
  void HelpOne(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;  // guards what is below
  std::condition_variable posted_;
  std::map<std::shared_ptr<IsolateThreads>, Tasks>
      tasks_;  // an entry as long as somebody has to see to it
  std::deque<std::shared_ptr<IsolateThreads>> waiting_;  // those of tasks_ that no thread works for
  size_t threads_ = 0;
  size_t idle_ = 0;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_HELPERS_H
