// Channels between isolates: two ends, each in the hands of one isolate.
#ifndef RUNTIME_SHIM_ISOLATES_CHANNEL_H
#define RUNTIME_SHIM_ISOLATES_CHANNEL_H

#include <v8-array-buffer.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mailbox.h"
#include "message_ring.h"

namespace runtime {

class Channel;

/** Why a channel has ended. */
struct Closure {
  enum class Cause : uint32_t { kClosed = 1, kDied = 2 };
  Cause cause;
  /** Whether the end that is asked did it. */
  bool is_own;
  /** For people. */
  std::string reason;
};

/**
 * The right to one end of a channel: it can be held, moved on in a message, and nothing else. When it is
 * destroyed without Close(), the other side learns that its peer has died.
 */
class Endpoint {
 public:
  enum class Sent { kSent, kFull, kClosed };

  /** Makes a channel. @returns false when there is no memory */
  static bool CreatePair(std::array<Endpoint, 2>* into);

  Endpoint() = default;
  Endpoint(Endpoint&& other) noexcept = default;
  Endpoint& operator=(Endpoint&& other) noexcept;
  ~Endpoint() { Abandon({}); }

  /** From now on `mailbox` gets news of this end, under the isolate's own number for it. */
  void Deliver(std::shared_ptr<Mailbox> mailbox, uint32_t id);
  /** No news any more: this end is about to move. */
  void Withhold();
  /** Makes news, whether there are any or not. */
  void Announce();

  /** Takes the attachments only when it is sent. */
  Sent Send(const char* bytes, size_t length, std::unique_ptr<Attachments>* attachments);
  /** Whether a message of these sizes would be refused now; if so, news follow when there is room. */
  Sent TrySpace(size_t length, size_t attached_bytes);

  /** Length of the next message, nothing when there is none. */
  std::optional<size_t> NextLength() const;
  /** Takes the next message, which there must be. `into` has room for NextLength(). */
  std::unique_ptr<Attachments> Receive(char* into);
  /** Says that news were taken: the next message makes new ones. */
  void NewsTaken();

  /** Ends the channel; what this side has not received is dropped. */
  void Close(const std::string& reason);
  /** Ends the channel because who holds this end is dead. */
  void Abandon(const std::string& reason);
  /** Whether it has: cheaper than closure(). */
  bool HasEnded() const;
  /** Nothing while the channel lives. */
  std::optional<Closure> closure() const;
  /** Whether both are ends of one channel. */
  bool IsOfSameChannel(const Endpoint& other) const { return channel_ == other.channel_; }
  /**
   * Notes that ends are about to go in a message of this end's channel. An end that the receiver could only get
   * by way of that end itself is refused: nobody could ever receive it, and so nobody would free it.
   * @returns whether all may go; none is noted otherwise
   */
  bool BeginTransit(const std::vector<const Endpoint*>& ends) const;

 private:
  Endpoint(std::shared_ptr<Channel> channel, int side)
      : channel_(std::move(channel)), side_(side) {}
  void End(Closure::Cause cause, const std::string& reason);
  void EndTransit() const;
  static void Discard(std::shared_ptr<Channel> channel, int side);

  std::shared_ptr<Channel> channel_;
  int side_ = 0;
};

/** What travels with a message. */
struct Attachments {
  using Item = std::variant<std::shared_ptr<v8::BackingStore>, Endpoint>;
  std::vector<Item> items;
  /** Bytes of the buffers among them that move. */
  size_t buffer_bytes = 0;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_CHANNEL_H
