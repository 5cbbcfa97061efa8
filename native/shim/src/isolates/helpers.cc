#include "helpers.h"

#include <pthread.h>

#include <chrono>
#include <utility>

#include "../thread.h"

namespace runtime {
namespace {

// As V8's own threads need it. Pages that are not touched cost nothing.
constexpr size_t kStackBytes = 2 * 1024 * 1024;
constexpr size_t kMostThreads = 32;
constexpr std::chrono::seconds kLongestIdleness{10};

}  // namespace

bool Helpers::Post(IsolateThreads& whose, std::unique_ptr<v8::Task>& task) {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<IsolateThreads> key = whose.shared_from_this();
  const auto found = tasks_.find(key);
  if (found != tasks_.end()) {
    found->second.push_back(std::move(task));
    return true;
  }
  // Those that are idle will take what waits already.
  if (idle_ <= waiting_.size() && threads_ < kMostThreads && !StartHelper() && threads_ == 0) {
    return false;
  }
  tasks_[key].push_back(std::move(task));
  waiting_.push_back(key);
  posted_.notify_one();
  return true;
}

bool Helpers::StartHelper() {
  const auto entry = [](void* self) -> void* {
    pthread_setname_np(pthread_self(), "isolate-helper");
    static_cast<Helpers*>(self)->Help();
    return nullptr;
  };
  pthread_t thread;
  if (StartThread(kStackBytes, entry, this, &thread) != 0) return false;
  pthread_detach(thread);
  ++threads_;
  return true;
}

void Helpers::Help() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    const bool has_work =
        posted_.wait_for(lock, kLongestIdleness, [this] { return !waiting_.empty(); });
    --idle_;
    if (!has_work) break;
    HelpOne(lock);
  }
  --threads_;
}

void Helpers::HelpOne(std::unique_lock<std::mutex>& lock) {
  const std::shared_ptr<IsolateThreads> whose = std::move(waiting_.front());
  waiting_.pop_front();
  const auto entry = tasks_.find(whose);
  lock.unlock();
  {
    const IsolateThreads::Work work(*whose);
    for (lock.lock(); !entry->second.empty(); lock.lock()) {
      std::unique_ptr<v8::Task> task = std::move(entry->second.front());
      entry->second.pop_front();
      lock.unlock();
      task->Run();
      task = nullptr;  // while this thread works for the isolate
    }
    tasks_.erase(entry);
    lock.unlock();
  }
  lock.lock();
}

}  // namespace runtime
