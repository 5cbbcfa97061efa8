#include "broker/endpoint.h"

#include "broker/table.h"
#include "lib/format.h"

namespace runtime {

namespace {

constexpr uint32_t kLargestErrno = 4095;

}  // namespace

Endpoint::~Endpoint() {
  while (RememberedRequest* request = remembered_.pop_front()) deallocate(request);
}

uint32_t Endpoint::flags() const {
  if (is_lost() || __atomic_load_n(&is_retired_, __ATOMIC_ACQUIRE))
    return RUNTIME_SERVICE_FLAG_GONE;
  return load(block().service_flags);
}

int Endpoint::pending_error() const {
  const uint32_t error = load(block().error);
  return error <= kLargestErrno ? static_cast<int>(error) : static_cast<int>(Errno::InputOutput);
}

int Endpoint::take_error() {
  const uint32_t error = __atomic_exchange_n(&block().error, 0u, __ATOMIC_SEQ_CST);
  {
    SpinGuard guard(lock_);
    seen_.has_error = false;
  }
  return error <= kLargestErrno ? static_cast<int>(error) : static_cast<int>(Errno::InputOutput);
}

void Endpoint::set_error(Errno error) { store(block().error, static_cast<uint32_t>(error)); }

void Endpoint::set_kernel_flags(uint32_t flags) {
  __atomic_or_fetch(&block().kernel_flags, flags, __ATOMIC_SEQ_CST);
}

InternetAddress Endpoint::local_address() const {
  const RuntimeSocketBlock& shared = block();
  InternetAddress address = internet_address_v6(shared.local_address);
  if (shared.local_family == 0 && family_ == kFamilyInternetV4) {
    const uint8_t any[4] = {0, 0, 0, 0};
    address = internet_address_v4(any);
  }
  address.port = shared.local_port;
  address.scope = shared.local_scope;
  return address;
}

InternetAddress Endpoint::peer_address() const {
  const RuntimeSocketBlock& shared = block();
  InternetAddress address = internet_address_v6(shared.peer_address);
  if (shared.peer_family == 0) address.family = 0;
  address.port = shared.peer_port;
  address.scope = shared.peer_scope;
  return address;
}

void Endpoint::set_buffers(uint32_t send, uint32_t receive) {
  store(block().send_buffer, send);
  store(block().receive_buffer, receive);
}

void Endpoint::call_service() {
  if (service_state() != ServiceState::Attached) return;
  if (is_lost() && !is_announced()) return;  // that life knew it, this one does not
  __atomic_store_n(&is_announced_, true, __ATOMIC_RELEASE);
  push_to_service(id_);
}

/// The service's numbers contradict each other: this socket ends, and the service is told to drop it.
Result<void> Endpoint::refuse_service(const char* what) {
  count(broker_counts().bad_indices);
  log(LogLevel::Warn, "the network service gave socket %u %s; the socket is closed (EIO)", id_,
      what);
  set_error(Errno::InputOutput);
  __atomic_store_n(&is_lost_, true, __ATOMIC_RELEASE);
  set_kernel_flags(RUNTIME_KERNEL_FLAG_CLOSED | RUNTIME_KERNEL_FLAG_RESET);
  if (is_announced()) push_to_service(id_);
  ready_queue_.wake_all();
  return Errno::InputOutput;
}

void Endpoint::attend() {
  if (listener_ && has_flag(RUNTIME_SERVICE_FLAG_CONNECTED)) offer();
  handle_posted_answer();
  // Cleared first: `is_writable` sets it again when there is too little space still.
  const bool wanted_space = __atomic_fetch_and(&block().kernel_flags,
                                               ~RUNTIME_KERNEL_FLAG_WANTS_SPACE, __ATOMIC_SEQ_CST) &
                            RUNTIME_KERNEL_FLAG_WANTS_SPACE;
  const bool writable = !wanted_space || is_writable();
  const uint32_t head = load(block().receive_head);
  const bool has_error = pending_error() != 0;
  const uint32_t now = flags();
  uint32_t events = 0;
  {
    SpinGuard guard(lock_);
    const uint32_t fresh = now & ~seen_.flags;
    if (head != seen_.receive_head) events |= kInternetReadable;
    if (fresh & RUNTIME_SERVICE_FLAG_RECEIVE_END) events |= kInternetReadable | kPollReadHangUp;
    if (fresh & (RUNTIME_SERVICE_FLAG_CONNECTED | RUNTIME_SERVICE_FLAG_SEND_CLOSED)) {
      events |= kInternetWritable;
    }
    if (has_error && !seen_.has_error) events |= kPollError | kInternetReadable | kInternetWritable;
    if (fresh & RUNTIME_SERVICE_FLAG_GONE) {
      events |= kInternetReadable | kInternetWritable | kPollHangUp | kPollReadHangUp | kPollError;
    }
    if (wanted_space && writable) events |= kInternetWritable;
    seen_.flags = now;
    seen_.receive_head = head;
    seen_.has_error = has_error;
  }
  if (events) ready_queue_.wake_all(events);
}

void Endpoint::close(bool reset) {
  store(is_closed_, true);
  if (is_listening()) stop_listening();
  // Ordered with broker_detach, which leaves Attached first and then looks for closed sockets: one of
  // the two sees the other.
  if (service_state() != ServiceState::Attached || !is_announced()) {
    retire_endpoint(this);
    return;
  }
  set_kernel_flags(RUNTIME_KERNEL_FLAG_CLOSED | (reset ? RUNTIME_KERNEL_FLAG_RESET : 0));
  push_to_service(id_);
}

void Endpoint::wait_until_gone(Deadline deadline) {
  // Interrupted or late: the service goes on sending all the same.
  (void)ready_queue_.wait([this] { return has_flag(RUNTIME_SERVICE_FLAG_GONE); }, deadline);
}

void Endpoint::begin_life() {
  bool posted;
  {
    SpinGuard guard(lock_);
    next_to_send_ = is_lost() ? nullptr : remembered_.front();
    posted = post_next();
  }
  if (posted) call_service();
  wake_requesters();
}

void Endpoint::end_life() {
  const uint32_t connection = RUNTIME_SERVICE_FLAG_CONNECTED | RUNTIME_SERVICE_FLAG_CONNECTING;
  const bool loses = is_stream() && !is_listening() && (has_flag(connection) || is_lost());
  if (is_listening()) {
    while (RefPtr<Endpoint> child = dequeue_connection()) child->close(true);
  }
  drop_rings();
  RuntimeSocketBlock& shared = block();
  {
    SpinGuard guard(lock_);
    if (slot_ != Slot::Asked) slot_ = Slot::Free;
    life_ = 0;
    next_to_send_ = nullptr;
    if (loses) {
      set_error(Errno::ConnectionReset);
      __atomic_store_n(&is_lost_, true, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&is_announced_, false, __ATOMIC_RELEASE);
    shared.service_queued = shared.service_next = shared.kernel_queued = shared.kernel_next = 0;
    store(shared.service_flags, 0u);
    store(shared.send_limit, 0u);
    store(shared.receive_notify, 0u);
    store(shared.accept_offered, 0u);
    store(shared.accept_taken, 0u);
    store(shared.reply_sequence, sequence_);
    seen_ = Seen();
  }
  if (loses) count(broker_counts().lost_connections);
  ready_queue_.wake_all();
  wake_requesters();
}

void Endpoint::retire() {
  drop_rings();
  listener_ = nullptr;
  __atomic_store_n(&is_retired_, true, __ATOMIC_RELEASE);
  ready_queue_.wake_all();
  wake_requesters();
}

// --- Rings ---------------------------------------------------------------------------------------

void Endpoint::publish_ring(uint32_t direction, const RingPlace& place) {
  RuntimeSocketBlock& shared = block();
  const bool is_send = direction == RUNTIME_DIRECTION_SEND;
  store(is_send ? shared.send_offset : shared.receive_offset, place.offset);
  store(is_send ? shared.send_capacity : shared.receive_capacity, place.capacity);
}

/// Empties and frees both rings.
void Endpoint::drop_rings() {
  {
    MutexGuard guard(send_mutex_);
    if (send_ring_.capacity) arena().free(send_ring_.offset, ArenaOwner::Kernel);
    send_ring_ = RingPlace();
    publish_ring(RUNTIME_DIRECTION_SEND, send_ring_);
    store(send_head_, 0u);
    store(block().send_head, 0u);
    store(block().send_tail, 0u);
  }
  MutexGuard guard(receive_mutex_);
  if (receive_ring_.capacity) arena().free(receive_ring_.offset, ArenaOwner::Kernel);
  receive_ring_ = RingPlace();
  publish_ring(RUNTIME_DIRECTION_RECEIVE, receive_ring_);
  store(receive_tail_, 0u);
  store(block().receive_tail, 0u);
  store(block().receive_head, 0u);
}

/// Moves a ring into one of another capacity. Everything from the tail on is copied, not only what lies
/// before the head: a receive ring also holds bytes that came out of order.
Result<void> Endpoint::copy_resized(RingPlace& place, uint32_t head, uint32_t tail,
                                    uint32_t capacity) {
  const uint32_t used = head - tail;
  if (used > place.capacity) return Errno::InputOutput;
  if (used > capacity) return Errno::Busy;
  RingPlace fresh;
  if (capacity) {
    Result<ArenaBlock> block = arena().allocate(capacity, false, ArenaOwner::Kernel);
    if (block.is_error()) return block.error();
    fresh.offset = block.value().offset;
    fresh.capacity = capacity;
    // The smaller capacity divides the larger: pieces end where either ring does.
    const uint32_t total = min_of(place.capacity, capacity);
    const bool is_records = !is_stream();
    if (is_records && used && ((tail ^ (head - 1)) & ~(total - 1))) {
      arena().free(fresh.offset, ArenaOwner::Kernel);
      return Errno::Busy;  // records on both sides of the end would no longer be where they say
    }
    for (uint32_t done = 0; done < total;) {
      const uint32_t at = (tail + done) & (total - 1);
      const uint32_t piece = min_of(total - done, total - at);
      const uint32_t from = (tail + done) & (place.capacity - 1);
      const uint32_t to = (tail + done) & (capacity - 1);
      memcpy(arena().bytes(fresh.offset + to), arena().bytes(place.offset + from), piece);
      done += piece;
    }
  }
  if (place.capacity) arena().free(place.offset, ArenaOwner::Kernel);
  __atomic_store_n(&place.offset, fresh.offset, __ATOMIC_RELEASE);
  __atomic_store_n(&place.capacity, fresh.capacity, __ATOMIC_RELEASE);
  return {};
}

Result<void> Endpoint::resize(uint32_t direction, uint32_t capacity) {
  const bool is_power = (capacity & (capacity - 1)) == 0;
  if (!is_power || (capacity && capacity < kPageSize) || capacity > RUNTIME_ARENA_SIZE / 16) {
    return Errno::Invalid;
  }
  if (direction == RUNTIME_DIRECTION_SEND) {
    MutexGuard guard(send_mutex_);
    if (capacity == send_ring_.capacity) return {};
    Result<void> moved = copy_resized(send_ring_, send_head_, load(block().send_tail), capacity);
    if (!moved.is_error()) publish_ring(direction, send_ring_);
    return moved;
  }
  if (direction != RUNTIME_DIRECTION_RECEIVE) return Errno::Invalid;
  MutexGuard guard(receive_mutex_);
  if (capacity == receive_ring_.capacity) return {};
  Result<void> moved =
      copy_resized(receive_ring_, load(block().receive_head), receive_tail_, capacity);
  if (!moved.is_error()) publish_ring(direction, receive_ring_);
  return moved;
}

}  // namespace runtime
