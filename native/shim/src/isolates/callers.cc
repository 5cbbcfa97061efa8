#include "callers.h"

#include <cerrno>
#include <utility>

namespace runtime {
namespace {

// Each thread has one that calls, and calls again when that ends.
constexpr size_t kMostWaiting = 1024;
constexpr char kNoEndpoints[] =
    "The composition gives the app no endpoints: name them in \"endpoints\" of runtime.config.ts.";

}  // namespace

int32_t Callers::Call(Endpoint end) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= kMostWaiting) return -EAGAIN;
  waiting_.push_back(std::move(end));
  if (is_refusing_) {
    Refuse();
  } else if (listener_ != nullptr && !std::exchange(is_announced_, true)) {
    listener_->Post({News::Kind::kCaller, 0});
  }
  return 0;
}

void Callers::Listen(std::shared_ptr<Mailbox> mailbox) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(mailbox);
  is_refusing_ = false;
  is_announced_ = !waiting_.empty();
  if (is_announced_) listener_->Post({News::Kind::kCaller, 0});
}

std::optional<Endpoint> Callers::Take() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    is_announced_ = false;
    return {};
  }
  std::optional<Endpoint> taken(std::move(waiting_.front()));
  waiting_.pop_front();
  return taken;
}

void Callers::HasStarted() {
  const std::lock_guard lock(mutex_);
  is_refusing_ = listener_ == nullptr;
  if (is_refusing_) Refuse();
}

void Callers::Leave() {
  const std::lock_guard lock(mutex_);
  listener_ = nullptr;
  is_refusing_ = false;
}

void Callers::Refuse() {
  for (Endpoint& each : waiting_) each.Close(kNoEndpoints);
  waiting_.clear();
}

}  // namespace runtime
