#include "message_ring.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "channel.h"

namespace runtime {

std::unique_ptr<MessageRing> MessageRing::Create() {
  // Pages that no message has been in yet cost nothing.
  void* const memory =
      mmap(nullptr, kCapacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  return std::unique_ptr<MessageRing>(new MessageRing(static_cast<char*>(memory)));
}

MessageRing::~MessageRing() {
  while (NextLength().has_value()) Pop(nullptr);
  munmap(memory_, kCapacity);
}

// Headers stay aligned, and never lie across the ring's end: HeaderAt() relies on it.
size_t MessageRing::SizeOf(size_t length) {
  static_assert(kCapacity % sizeof(Header) == 0);
  return sizeof(Header) + (length + sizeof(Header) - 1) / sizeof(Header) * sizeof(Header);
}

size_t MessageRing::FreeBytes() const {
  // In this order: what is received meanwhile makes it less than it is, never more.
  const uint64_t received = received_.load(std::memory_order_acquire);
  return kCapacity - (sent_.load(std::memory_order_acquire) - received);
}

bool MessageRing::Fits(size_t length, size_t attached_bytes) const {
  if (SizeOf(length) > FreeBytes()) return false;
  const size_t attached = attached_bytes_.load(std::memory_order_acquire);
  return attached_bytes == 0 || attached == 0 ||
         (attached_bytes <= kMostAttachedBytes && attached <= kMostAttachedBytes - attached_bytes);
}

void MessageRing::Push(const char* bytes, size_t length, std::unique_ptr<Attachments> attachments) {
  const uint64_t at = sent_.load(std::memory_order_relaxed);
  if (attachments != nullptr) {
    attached_bytes_.fetch_add(attachments->buffer_bytes, std::memory_order_relaxed);
  }
  *HeaderAt(at) = {length, attachments.release()};
  CopyIn(at + sizeof(Header), bytes, length);
  // Before: the message. After: its count, by which the receiver finds it.
  sent_.store(at + SizeOf(length), std::memory_order_release);
}

std::optional<size_t> MessageRing::NextLength() const {
  const uint64_t at = received_.load(std::memory_order_relaxed);
  if (at == sent_.load(std::memory_order_acquire)) return std::nullopt;
  return HeaderAt(at)->length;
}

std::unique_ptr<Attachments> MessageRing::Pop(char* into) {
  const uint64_t at = received_.load(std::memory_order_relaxed);
  const Header header = *HeaderAt(at);
  if (into != nullptr) CopyOut(at + sizeof(header), into, header.length);
  std::unique_ptr<Attachments> attachments(header.attachments);
  if (attachments != nullptr) {
    attached_bytes_.fetch_sub(attachments->buffer_bytes, std::memory_order_relaxed);
  }
  // Before: the message was read. After: its room, which the sender may write to.
  received_.store(at + SizeOf(header.length), std::memory_order_release);
  return attachments;
}

void MessageRing::CopyIn(uint64_t at, const char* bytes, size_t length) {
  const size_t place = at % kCapacity;
  const size_t first = std::min(length, kCapacity - place);
  std::memcpy(memory_ + place, bytes, first);
  if (first < length) std::memcpy(memory_, bytes + first, length - first);
}

void MessageRing::CopyOut(uint64_t at, char* into, size_t length) const {
  const size_t place = at % kCapacity;
  const size_t first = std::min(length, kCapacity - place);
  std::memcpy(into, memory_ + place, first);
  if (first < length) std::memcpy(into + first, memory_, length - first);
}

}  // namespace runtime
