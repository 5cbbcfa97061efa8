// What has happened outside of an isolate that its loop has to look at.
#ifndef RUNTIME_SHIM_ISOLATES_MAILBOX_H
#define RUNTIME_SHIM_ISOLATES_MAILBOX_H

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "doorbell.h"
#include "kernel_interface.h"

namespace runtime {

/** News for an isolate. */
struct News {
  enum class Kind : uint32_t {
    kChannel = RUNTIME_NEWS_CHANNEL,
    kIsolateEnded = RUNTIME_NEWS_ISOLATE_ENDED,
    kCaller = RUNTIME_NEWS_CALLER,
  };
  Kind kind;
  /** The isolate's own number for the channel, or for the isolate that it has started; 0 for callers. */
  uint32_t id;
};

/**
 * News for one isolate, from any thread. What is posted rings the isolate's doorbell if it sleeps. Each
 * sender posts a thing once until it was taken, so that the list is bounded by what the isolate has.
 */
class Mailbox {
 public:
  explicit Mailbox(Doorbell& doorbell) : doorbell_(&doorbell) {}

  void Post(News news) {
    {
      const std::lock_guard lock(mutex_);
      if (is_closed_) return;
      news_.push_back(news);
      // Before: there are news. After: whether the isolate sleeps. BeginSleep() says and asks the other way round.
      has_news_.store(true);
    }
    if (!is_sleeping_.load()) return;
    // Not under the mutex, which the isolate takes as soon as it is awake.
    const std::lock_guard lock(doorbell_mutex_);
    if (doorbell_ != nullptr) doorbell_->Ring();
  }

  /** Takes back what was posted of something that the isolate does not have any more. */
  void Withdraw(News news) {
    const std::lock_guard lock(mutex_);
    std::erase_if(news_,
                  [&](const News& each) { return each.kind == news.kind && each.id == news.id; });
    has_news_.store(!news_.empty());
  }

  /** Puts all news into a list, in place of what it has. For the isolate's thread, as all below. */
  void Take(std::vector<News>* into) {
    into->clear();
    if (!has_news_.load()) return;
    const std::lock_guard lock(mutex_);
    into->swap(news_);
    has_news_.store(false);
  }

  /** @returns false when there are news: then the isolate must not sleep */
  bool BeginSleep() {
    is_sleeping_.store(true);
    if (!has_news_.load()) return true;
    is_sleeping_.store(false);
    return false;
  }
  void EndSleep() { is_sleeping_.store(false); }

  /** The isolate goes: the doorbell is not touched any more, and news are dropped. */
  void Close() {
    {
      const std::lock_guard lock(mutex_);
      is_closed_ = true;
      news_.clear();
      has_news_.store(false);
    }
    const std::lock_guard lock(doorbell_mutex_);
    doorbell_ = nullptr;
  }

 private:
  std::atomic<bool> has_news_ = false;  // as the list below, which is looked at often
  std::atomic<bool> is_sleeping_ = false;
  std::mutex doorbell_mutex_;
  Doorbell* doorbell_;  // guarded by doorbell_mutex_
  std::mutex mutex_;    // guards all below
  std::vector<News> news_;
  bool is_closed_ = false;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_MAILBOX_H
