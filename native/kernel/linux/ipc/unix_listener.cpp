// The listening side of AF_UNIX: listen(2), and the queue between connect(2) and accept(2).
#include "linux/ipc/unix_socket.h"

namespace runtime {

Result<void> UnixListener::enqueue(const RefPtr<UnixStreamSocket>& connection) {
  {
    SpinGuard guard(lock_);
    if (is_closed_) return Errno::ConnectionRefused;
    if (count_ > backlog_) return Errno::Again;
    connection->retain();  // the list's
    pending_.push_back(connection.get());
    ++count_;
  }
  queue_->queue.wake_all(kPollIn | kPollReadNormal);
  return {};
}

RefPtr<UnixStreamSocket> UnixListener::dequeue() {
  RefPtr<UnixStreamSocket> connection;
  {
    SpinGuard guard(lock_);
    connection = RefPtr<UnixStreamSocket>::adopt(pending_.pop_front());
    if (!connection) return nullptr;
    --count_;
  }
  room_.wake_all();
  return connection;
}

bool UnixListener::has_pending() {
  SpinGuard guard(lock_);
  return count_ > 0;
}

bool UnixListener::has_room() {
  SpinGuard guard(lock_);
  return is_closed_ || count_ <= backlog_;
}

void UnixListener::set_backlog(uint32_t backlog) {
  {
    SpinGuard guard(lock_);
    backlog_ = backlog;
  }
  room_.wake_all();
}

void UnixListener::close() {
  {
    SpinGuard guard(lock_);
    __atomic_store_n(&is_closed_, true, __ATOMIC_RELEASE);
  }
  room_.wake_all();
  queue_->queue.wake_all();
}

void UnixListener::reset_pending() {
  while (dequeue()) {
  }
}

}  // namespace runtime
