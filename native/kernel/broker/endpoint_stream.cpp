// Rings of bytes: TCP.
#include "broker/endpoint.h"
#include "broker/table.h"
#include "memory/frames.h"

namespace runtime {

namespace {

constexpr uint32_t kSmallestFirstRing = 16 * 1024;
constexpr uint32_t kLargestFirstRing = 256 * 1024;
constexpr uint32_t kScarceFirstRing =
    4 * 1024;  // while more than half of the arena's share is used
constexpr uint32_t kDefaultSendLimit = 64 * 1024;

}  // namespace

/// How many bytes the send ring may hold: what the service says, and what the ring has room for.
uint32_t Endpoint::send_limit() const {
  const uint32_t wanted = load(block().send_limit);
  const uint32_t limit = wanted ? wanted : kDefaultSendLimit;
  const uint32_t capacity = __atomic_load_n(&send_ring_.capacity, __ATOMIC_ACQUIRE);
  return capacity ? min_of(limit, capacity) : limit;
}

/// Takes the first ring, or a larger one while it is empty: the service does not look at a ring's place
/// before it has seen its head move. send_mutex_ is held.
Result<void> Endpoint::take_send_ring(uint32_t wanted) {
  uint32_t capacity = kSmallestFirstRing;
  if (arena().used() > arena().limit() / 2) capacity = kScarceFirstRing;
  while (capacity < min_of(wanted, kLargestFirstRing)) capacity *= 2;
  Result<ArenaBlock> taken = arena().allocate(capacity, false, ArenaOwner::Kernel);
  if (taken.is_error()) return Errno::NoBuffers;
  if (send_ring_.capacity) arena().free(send_ring_.offset, ArenaOwner::Kernel);
  __atomic_store_n(&send_ring_.offset, taken.value().offset, __ATOMIC_RELEASE);
  __atomic_store_n(&send_ring_.capacity, capacity, __ATOMIC_RELEASE);
  publish_ring(RUNTIME_DIRECTION_SEND, send_ring_);
  return {};
}

/// Asks the service to tell when there is space again. The caller looks at the space once more
/// afterwards: the service frees space first and then looks at the flag.
void Endpoint::wants_space() { set_kernel_flags(RUNTIME_KERNEL_FLAG_WANTS_SPACE); }

uint32_t Endpoint::unsent_bytes() const { return load(send_head_) - load(block().send_tail); }

uint32_t Endpoint::readable_bytes() const {
  return load(block().receive_head) - load(receive_tail_);
}

uint32_t Endpoint::taken_by_service() const { return load(block().send_tail); }

bool Endpoint::is_receive_full() const {
  return readable_bytes() >= __atomic_load_n(&receive_ring_.capacity, __ATOMIC_ACQUIRE);
}

bool Endpoint::is_writable() {
  const auto has_space = [this] {
    return uint64_t{unsent_bytes()} * 3 <= uint64_t{send_limit()} * 2;
  };
  if (has_space()) return true;
  const bool is_new = !(kernel_flags() & RUNTIME_KERNEL_FLAG_WANTS_SPACE);
  wants_space();
  if (has_space()) return true;
  // A ring that is full and smaller than its limit grows when the service sees this.
  if (is_new) call_service();
  return false;
}

Result<size_t> Endpoint::put_bytes(IoBuffer& source) {
  MutexGuard guard(send_mutex_);
  const size_t wanted = source.remaining();
  if (send_ring_.capacity == 0) {
    const uint32_t limit = send_limit();
    Result<void> taken = take_send_ring(wanted < limit ? static_cast<uint32_t>(wanted) : limit);
    if (taken.is_error()) return taken.error();
  }
  uint32_t space = 0;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const uint32_t used = unsent_bytes();
    if (used > send_ring_.capacity) return refuse_service("a wrong send_tail").error();
    const uint32_t limit = send_limit();
    space = used < limit ? limit - used : 0;
    if (space) break;
    if (attempt == 0) wants_space();
  }
  if (space == 0) {
    call_service();
    return static_cast<size_t>(0);
  }
  const uint32_t size = wanted < space ? static_cast<uint32_t>(wanted) : space;
  const uint32_t mask = send_ring_.capacity - 1;
  uint8_t* ring = arena().bytes(send_ring_.offset);
  Result<void> copied;
  for (uint32_t done = 0; done < size && !copied.is_error();) {
    const uint32_t at = (send_head_ + done) & mask;
    const uint32_t piece = min_of(size - done, mask + 1 - at);
    copied = source.get(ring + at, piece);
    done += piece;
  }
  const uint32_t moved = static_cast<uint32_t>(wanted - source.remaining());
  if (moved == 0 && copied.is_error()) return copied.error();
  store(send_head_, send_head_ + moved);
  store(block().send_head, send_head_);
  call_service();
  return static_cast<size_t>(moved);
}

/// The app has taken bytes: the service may wait for that.
void Endpoint::consumed(uint32_t tail) {
  RuntimeSocketBlock& shared = block();
  store(receive_tail_, tail);
  store(shared.receive_tail, tail);
  // The service sets receive_notify and looks at receive_tail once more: one of us sees the other.
  if (!load(shared.receive_notify)) return;
  if (static_cast<int32_t>(tail - load(shared.receive_notify_at)) < 0) return;
  store(shared.receive_notify, 0u);
  call_service();
}

Result<size_t> Endpoint::take_bytes(IoBuffer& target, size_t size, size_t offset, bool peek,
                                    bool discard) {
  MutexGuard guard(receive_mutex_);
  const uint32_t used = readable_bytes();
  if (used > receive_ring_.capacity) return refuse_service("a wrong receive_head").error();
  if (used <= offset) return static_cast<size_t>(0);
  const uint32_t count = static_cast<uint32_t>(min_of<size_t>(size, used - offset));
  const uint32_t start = receive_tail_ + static_cast<uint32_t>(offset);
  if (discard) {
    if (!peek) consumed(receive_tail_ + count);
    return static_cast<size_t>(count);
  }
  const uint32_t mask = receive_ring_.capacity - 1;
  const uint8_t* ring = arena().bytes(receive_ring_.offset);
  const size_t before = target.remaining();
  Result<void> copied;
  for (uint32_t done = 0; done < count && !copied.is_error();) {
    const uint32_t at = (start + done) & mask;
    const uint32_t piece = min_of(count - done, mask + 1 - at);
    copied = target.put(ring + at, piece);
    done += piece;
  }
  const uint32_t moved = static_cast<uint32_t>(before - target.remaining());
  if (moved == 0 && copied.is_error()) return copied.error();
  if (!peek) consumed(receive_tail_ + moved);
  return static_cast<size_t>(moved);
}

}  // namespace runtime
