// Connections on their way from the service to accept(2).
#include "broker/endpoint.h"
#include "broker/table.h"

namespace runtime {

void Endpoint::adopt_connection(RefPtr<Endpoint> listener) {
  store(block().listener, listener->id());
  store(block().send_buffer, load(listener->block().send_buffer));
  store(block().receive_buffer, load(listener->block().receive_buffer));
  __atomic_store_n(&is_announced_, true, __ATOMIC_RELEASE);
  store(is_bound_, true);
  listener_ = move(listener);
}

/// The service has finished a new connection: queues it at its listener. On the service's thread.
void Endpoint::offer() {
  RefPtr<Endpoint> listener = move(listener_);
  listener_ = nullptr;
  was_offered_ = true;
  bool is_queued = false;
  {
    SpinGuard guard(listener->lock_);
    if (!listener->is_stopped() && !listener->is_closed()) {
      retain();  // the list's
      listener->pending_.push_back(this);
      ++listener->pending_count_;
      is_queued = true;
    }
  }
  if (is_queued) {
    listener->ready_queue_.wake_all(kInternetReadable);
  } else {
    close(true);
  }
}

RefPtr<Endpoint> Endpoint::dequeue_connection() {
  RefPtr<Endpoint> connection;
  {
    SpinGuard guard(lock_);
    connection = RefPtr<Endpoint>::adopt(pending_.pop_front());
    if (!connection) return nullptr;
    --pending_count_;
  }
  __atomic_add_fetch(&block().accept_taken, 1, __ATOMIC_SEQ_CST);
  return connection;
}

bool Endpoint::has_connection() {
  SpinGuard guard(lock_);
  return pending_count_ > 0;
}

void Endpoint::stop_listening() {
  {
    SpinGuard guard(lock_);
    __atomic_store_n(&is_stopped_, true, __ATOMIC_RELEASE);
  }
  while (RefPtr<Endpoint> connection = dequeue_connection()) connection->close(true);
  ready_queue_.wake_all();
}

}  // namespace runtime
