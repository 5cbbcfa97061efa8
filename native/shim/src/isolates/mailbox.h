// What has happened outside of an isolate that its loop has to look at.
#ifndef RUNTIME_SHIM_ISOLATES_MAILBOX_H
#define RUNTIME_SHIM_ISOLATES_MAILBOX_H

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "doorbell.h"

namespace runtime {

/** News for an isolate. */
struct News {
  enum class Kind { kChannel, kIsolateEnded };
  Kind kind;
  /** The isolate's own number for the channel, or for the isolate that it has started. */
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
    const std::lock_guard lock(mutex_);
    if (doorbell_ == nullptr) return;
    news_.push_back(news);
    if (is_sleeping_) doorbell_->Ring();
  }

  /** Takes back what was posted of something that the isolate does not have any more. */
  void Withdraw(News news) {
    const std::lock_guard lock(mutex_);
    std::erase_if(news_,
                  [&](const News& each) { return each.kind == news.kind && each.id == news.id; });
  }

  /** Takes all news. For the isolate's thread, as all below. */
  std::vector<News> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(news_, {});
  }

  /** @returns false when there are news: then the isolate must not sleep */
  bool BeginSleep() {
    const std::lock_guard lock(mutex_);
    is_sleeping_ = news_.empty();
    return is_sleeping_;
  }
  void EndSleep() {
    const std::lock_guard lock(mutex_);
    is_sleeping_ = false;
  }

  /** The isolate goes: the doorbell is not touched any more, and news are dropped. */
  void Close() {
    const std::lock_guard lock(mutex_);
    doorbell_ = nullptr;
    news_.clear();
  }

 private:
  std::mutex mutex_;  // guards all below
  Doorbell* doorbell_;
  std::vector<News> news_;
  bool is_sleeping_ = false;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_MAILBOX_H
