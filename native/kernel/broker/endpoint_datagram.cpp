// Rings of records: UDP and ICMP echo.
#include "broker/endpoint.h"
#include "broker/table.h"

namespace runtime {

namespace {

constexpr uint32_t kRecordAlignment = 8;

uint32_t record_size(uint32_t payload) {
  return static_cast<uint32_t>(align_up(sizeof(RuntimeDatagramRecord) + payload, kRecordAlignment));
}

}  // namespace

Result<bool> Endpoint::put_datagram(const RuntimeDatagramRecord& header, IoBuffer& source) {
  MutexGuard guard(send_mutex_);
  const uint32_t size = record_size(header.length);
  if (size > kMaximumRecord) return Errno::MessageSize;
  // A ring holds two of its largest records, so that one always fits into an empty ring, wherever the
  // head is.
  if (unsent_bytes() == 0 && send_ring_.capacity < 2 * size) {
    Result<void> taken = take_send_ring(2 * size);
    if (taken.is_error()) return taken.error();
  }
  const uint32_t capacity = send_ring_.capacity;
  uint32_t skip = 0;
  bool fits = false;
  for (int attempt = 0; attempt < 2 && !fits; ++attempt) {
    const uint32_t used = unsent_bytes();
    if (used > capacity) return refuse_service("a wrong send_tail").error();
    const uint32_t to_end = capacity - (send_head_ & (capacity - 1));
    skip = to_end < size ? to_end : 0;
    fits = skip + size <= capacity - used && (used == 0 || used + skip + size <= send_limit());
    if (!fits && attempt == 0) wants_space();
  }
  if (!fits) {
    call_service();
    return false;
  }
  uint8_t* ring = arena().bytes(send_ring_.offset);
  uint32_t head = send_head_;
  const uint32_t place = skip ? 0 : head & (capacity - 1);
  uint8_t* record = ring + place;
  Result<void> copied = source.get(record + sizeof(header), header.length);
  if (copied.is_error()) return copied.error();
  memcpy(record, &header, sizeof(header));
  if (skip) {
    const uint32_t wrap = RUNTIME_DATAGRAM_WRAP;
    memcpy(ring + (head & (capacity - 1)), &wrap, sizeof(wrap));
  }
  head += skip + size;
  store(send_head_, head);
  store(block().send_head, head);
  call_service();
  return true;
}

/// The position of the next record and its header, checked. false: there is none. Moves the tail past a
/// mark that sends the reader to the ring's start. receive_mutex_ is held.
Result<bool> Endpoint::find_record(RuntimeDatagramRecord* header, uint32_t* place) {
  const uint32_t capacity = receive_ring_.capacity;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const uint32_t used = readable_bytes();
    if (used == 0) return false;
    if (used > capacity || used % kRecordAlignment) {
      return refuse_service("a wrong receive_head").error();
    }
    const uint32_t at = receive_tail_ & (capacity - 1);
    const uint32_t to_end = capacity - at;
    const uint8_t* record = arena().bytes(receive_ring_.offset + at);
    uint32_t length;
    memcpy(&length, record, sizeof(length));
    if (length == RUNTIME_DATAGRAM_WRAP && to_end <= used) {
      consumed(receive_tail_ + to_end);
      continue;
    }
    if (length > kMaximumRecord || record_size(length) > min_of(used, to_end)) break;
    memcpy(header, record, sizeof(*header));
    header->length = length;  // the word that was checked
    *place = receive_ring_.offset + at;
    return true;
  }
  return refuse_service("a wrong datagram record").error();
}

Result<bool> Endpoint::take_datagram(RuntimeDatagramRecord* header, IoBuffer& target, bool peek) {
  MutexGuard guard(receive_mutex_);
  uint32_t place = 0;
  Result<bool> found = find_record(header, &place);
  if (found.is_error() || !found.value()) return found;
  const size_t size = min_of<size_t>(header->length, target.remaining());
  Result<void> copied = target.put(arena().bytes(place) + sizeof(*header), size);
  // As on Linux, a datagram that could not be copied out is lost unless it was only looked at.
  if (!peek) consumed(receive_tail_ + record_size(header->length));
  if (copied.is_error()) return copied.error();
  return true;
}

uint32_t Endpoint::next_datagram_size() {
  MutexGuard guard(receive_mutex_);
  RuntimeDatagramRecord header;
  uint32_t place = 0;
  Result<bool> found = find_record(&header, &place);
  return !found.is_error() && found.value() ? header.length : 0;
}

}  // namespace runtime
