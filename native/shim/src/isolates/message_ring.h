// One direction of a channel.
#ifndef RUNTIME_SHIM_ISOLATES_MESSAGE_RING_H
#define RUNTIME_SHIM_ISOLATES_MESSAGE_RING_H

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace runtime {

struct Attachments;

/**
 * A ring of messages in memory that two threads share: one sends, one receives, and neither takes a
 * lock. It does not grow: a message that does not fit is refused.
 *
 *   |<-- free -->|<------ messages, each a header and its bytes ------>|<-- free -->|
 *                ^ received_                                           ^ sent_
 */
class MessageRing {
 public:
  /** Bytes of a ring, headers included. */
  static constexpr size_t kCapacity = 64 * 1024;
  /** Longest message: of the longest ones there is room for some, so that sending and receiving overlap. */
  static constexpr size_t kLongestMessage = 16 * 1024;
  /** Most bytes in the ArrayBuffers that are under way, unless one message alone has more. */
  static constexpr size_t kMostAttachedBytes = 64 * 1024 * 1024;

  /** @returns nullptr when there is no memory */
  static std::unique_ptr<MessageRing> Create();
  ~MessageRing();
  MessageRing(const MessageRing&) = delete;
  MessageRing& operator=(const MessageRing&) = delete;

  /** Whether a message would fit. For the sender, as Push(). */
  bool Fits(size_t length, size_t attached_bytes) const;
  /**
   * Adds a message that fits.
   * @param attachments what comes with it, or nullptr
   */
  void Push(const char* bytes, size_t length, std::unique_ptr<Attachments> attachments);

  /** Length of the next message, nothing when there is none. For the receiver, as Pop(). */
  std::optional<size_t> NextLength() const;
  /**
   * Takes the next message, which there must be.
   * @param into gets its bytes, has room for NextLength(); nullptr to drop them
   * @returns what came with it, or nullptr
   */
  std::unique_ptr<Attachments> Pop(char* into);

  /** Bytes that are free. Other threads may make it more or less meanwhile. */
  size_t FreeBytes() const;

 private:
  struct Header {
    uint64_t length;
    Attachments* attachments;
  };

  explicit MessageRing(char* memory) : memory_(memory) {}
  Header* HeaderAt(uint64_t at) const {
    return reinterpret_cast<Header*>(memory_ + at % kCapacity);
  }
  void CopyIn(uint64_t at, const char* bytes, size_t length);
  void CopyOut(uint64_t at, char* into, size_t length) const;
  static size_t SizeOf(size_t length);

  char* const memory_;
  // Counts of bytes that never go back; a place in the ring is a count modulo its capacity.
  std::atomic<uint64_t> sent_ = 0;
  std::atomic<uint64_t> received_ = 0;
  std::atomic<size_t> attached_bytes_ = 0;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_MESSAGE_RING_H
