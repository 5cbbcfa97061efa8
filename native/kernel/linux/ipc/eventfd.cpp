#include "linux/ipc/eventfd.h"

#include "linux/ipc/install.h"
#include "linux/ipc/pollable_file.h"
#include "linux/system_calls.h"
#include "warm/frozen_file.h"

namespace runtime {

namespace {

constexpr int kSemaphoreFlag = 1;
constexpr uint64_t kMaximumCount = UINT64_MAX - 1;

class EventFd : public AnonymousFile {
 public:
  EventFd(uint64_t count, bool is_semaphore, int status_flags)
      : AnonymousFile(status_flags, "[eventfd]"), count_(count), is_semaphore_(is_semaphore) {}

  /// Takes the count (1 of it in semaphore mode), waiting while it is 0.
  Result<size_t> read(IoBuffer& buffer) override {
    if (buffer.remaining() < sizeof(uint64_t)) return Errno::Invalid;
    uint64_t taken = 0;
    Result<void> ready = wait_until([&] { return try_take(&taken); });
    if (ready.is_error()) return ready.error();
    queue_.wake_all(kPollOut);
    Result<void> copied = buffer.put(&taken, sizeof(taken));
    if (copied.is_error()) return copied.error();
    return sizeof(taken);
  }

  /// Adds to the count, waiting while the sum would exceed the maximum.
  Result<size_t> write(IoBuffer& buffer) override {
    if (buffer.remaining() < sizeof(uint64_t)) return Errno::Invalid;
    uint64_t added = 0;
    Result<void> copied = buffer.get(&added, sizeof(added));
    if (copied.is_error()) return copied.error();
    if (added > kMaximumCount) return Errno::Invalid;
    Result<void> ready = wait_until([&] { return try_add(added); });
    if (ready.is_error()) return ready.error();
    queue_.wake_all(kPollIn);
    return sizeof(added);
  }

  uint32_t poll_events() override {
    const uint64_t count = __atomic_load_n(&count_, __ATOMIC_ACQUIRE);
    return (count > 0 ? kPollIn : 0) | (count < kMaximumCount ? kPollOut : 0);
  }
  WaitQueue* poll_queue() override { return &queue_; }
  Kind kind() const override { return Kind::EventFd; }
  Result<void> freeze(FrozenFile* into) override {
    into->kind = FrozenFileKind::Event;
    into->value = __atomic_load_n(&count_, __ATOMIC_ACQUIRE);
    into->flag = is_semaphore_;
    return {};
  }

 private:
  template <typename Try>
  Result<void> wait_until(Try attempt) {
    if (attempt()) return {};
    if (is_non_blocking()) return Errno::Again;
    if (queue_.wait(attempt) != WaitResult::Ready) return Errno::Restart;
    return {};
  }

  bool try_take(uint64_t* taken) {
    uint64_t count = __atomic_load_n(&count_, __ATOMIC_RELAXED);
    do {
      if (count == 0) return false;
      *taken = is_semaphore_ ? 1 : count;
    } while (!replace(&count, count - *taken));
    return true;
  }

  bool try_add(uint64_t added) {
    uint64_t count = __atomic_load_n(&count_, __ATOMIC_RELAXED);
    do {
      if (added > kMaximumCount - count) return false;
    } while (!replace(&count, count + added));
    return true;
  }

  bool replace(uint64_t* expected, uint64_t count) {
    return __atomic_compare_exchange_n(&count_, expected, count, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
  }

  uint64_t count_;  // atomic
  const bool is_semaphore_;
  WaitQueue queue_;
};

}  // namespace

RefPtr<File> make_event_file(uint64_t count, bool is_semaphore, int status_flags) {
  return RefPtr<File>::adopt(new EventFd(count, is_semaphore, status_flags));
}

Result<uint64_t> sys_eventfd2(uint32_t initial, int flags) {
  if (flags & ~(kSemaphoreFlag | kOpenNonBlocking | kOpenCloseOnExec)) return Errno::Invalid;
  const int status_flags = kOpenReadWrite | (flags & kOpenNonBlocking);
  return install_file(make_event_file(initial, (flags & kSemaphoreFlag) != 0, status_flags),
                      (flags & kOpenCloseOnExec) != 0);
}

Result<uint64_t> sys_eventfd(uint32_t initial) { return sys_eventfd2(initial, 0); }

}  // namespace runtime
