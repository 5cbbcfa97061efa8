#include "channel.h"

#include <utility>

namespace runtime {
namespace {

// Guards Channel::Side::carrier of all channels: who follows the chain must not meet one that changes.
std::mutex transit_mutex;

}  // namespace

/** What the two ends share. */
class Channel {
 public:
  struct Side {
    std::unique_ptr<MessageRing> inbox;
    // News were posted, and not taken yet: one at a time.
    std::atomic<bool> has_news = false;
    // The last message from this side was refused.
    std::atomic<bool> wants_space = false;
    std::mutex mutex;  // guards what is below: who has this end may change
    std::shared_ptr<Mailbox> mailbox;
    uint32_t id = 0;
    // Whose inbox this end lies in, in a message that nobody has received. Guarded by transit_mutex.
    const Side* carrier = nullptr;
  };

  /** Tells who has an end to look at it. */
  void Notify(Side* side) {
    if (side->has_news.exchange(true)) return;
    const std::lock_guard lock(side->mutex);
    if (side->mailbox != nullptr) side->mailbox->Post({News::Kind::kChannel, side->id});
  }

  Side sides[2];
  std::atomic<bool> has_ended = false;  // after what is below
  std::mutex mutex;                     // guards what is below
  Closure::Cause cause = Closure::Cause::kClosed;
  int closer = 0;
  std::string reason;
};

bool Endpoint::CreatePair(std::array<Endpoint, 2>* into) {
  auto channel = std::make_shared<Channel>();
  for (Channel::Side& side : channel->sides) {
    side.inbox = MessageRing::Create();
    if (side.inbox == nullptr) return false;
  }
  (*into)[0] = Endpoint(channel, 0);
  (*into)[1] = Endpoint(channel, 1);
  return true;
}

Endpoint& Endpoint::operator=(Endpoint&& other) noexcept {
  if (this == &other) return *this;
  Abandon({});
  channel_ = std::move(other.channel_);
  side_ = other.side_;
  return *this;
}

void Endpoint::Deliver(std::shared_ptr<Mailbox> mailbox, uint32_t id) {
  Channel::Side& side = channel_->sides[side_];
  const std::lock_guard lock(side.mutex);
  side.mailbox = std::move(mailbox);
  side.id = id;
  // Whatever came while it was under way was told to nobody.
  const bool has_come = side.inbox->NextLength().has_value() || channel_->has_ended.load();
  if (has_come) side.has_news.store(true);
  if (side.has_news.load()) side.mailbox->Post({News::Kind::kChannel, id});
}

bool Endpoint::BeginTransit(const std::vector<const Endpoint*>& ends) const {
  const Channel::Side* const inbox = &channel_->sides[1 - side_];
  const std::lock_guard lock(transit_mutex);
  for (const Channel::Side* side = inbox; side != nullptr; side = side->carrier) {
    for (const Endpoint* end : ends) {
      if (side == &end->channel_->sides[end->side_]) return false;
    }
  }
  for (const Endpoint* end : ends) end->channel_->sides[end->side_].carrier = inbox;
  return true;
}

void Endpoint::EndTransit() const {
  const std::lock_guard lock(transit_mutex);
  channel_->sides[side_].carrier = nullptr;
}

void Endpoint::Withhold() {
  Channel::Side& side = channel_->sides[side_];
  const std::lock_guard lock(side.mutex);
  if (side.mailbox == nullptr) return;
  side.mailbox->Withdraw({News::Kind::kChannel, side.id});
  side.mailbox = nullptr;
}

void Endpoint::Announce() { channel_->Notify(&channel_->sides[side_]); }

Endpoint::Sent Endpoint::TrySpace(size_t length, size_t attached_bytes) {
  if (channel_->has_ended.load()) return Sent::kClosed;
  const MessageRing& ring = *channel_->sides[1 - side_].inbox;
  if (ring.Fits(length, attached_bytes)) return Sent::kSent;
  // Whoever comes second sees what the other has written: this side the room, or the peer this wish.
  channel_->sides[side_].wants_space.store(true);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!ring.Fits(length, attached_bytes)) return Sent::kFull;
  channel_->sides[side_].wants_space.store(false);
  return Sent::kSent;
}

Endpoint::Sent Endpoint::Send(const char* bytes, size_t length,
                              std::unique_ptr<Attachments>* attachments) {
  const Sent sent = TrySpace(length, *attachments == nullptr ? 0 : (*attachments)->buffer_bytes);
  if (sent != Sent::kSent) return sent;
  Channel::Side& peer = channel_->sides[1 - side_];
  peer.inbox->Push(bytes, length, std::move(*attachments));
  channel_->Notify(&peer);
  return Sent::kSent;
}

std::optional<size_t> Endpoint::NextLength() const {
  return channel_->sides[side_].inbox->NextLength();
}

std::unique_ptr<Attachments> Endpoint::Receive(char* into) {
  MessageRing& inbox = *channel_->sides[side_].inbox;
  std::unique_ptr<Attachments> attachments = inbox.Pop(into);
  if (attachments != nullptr) {
    for (const Attachments::Item& item : attachments->items) {
      if (const auto* const end = std::get_if<Endpoint>(&item)) end->EndTransit();
    }
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  Channel::Side& peer = channel_->sides[1 - side_];
  // Not for each message: the peer can send several, then.
  const bool is_roomy = inbox.FreeBytes() >= MessageRing::kCapacity / 2;
  if (is_roomy && peer.wants_space.load() && peer.wants_space.exchange(false)) {
    channel_->Notify(&peer);
  }
  return attachments;
}

void Endpoint::NewsTaken() { channel_->sides[side_].has_news.store(false); }

void Endpoint::Close(const std::string& reason) {
  End(Closure::Cause::kClosed, reason);
  Discard(channel_, side_);
}

void Endpoint::Abandon(const std::string& reason) {
  if (channel_ == nullptr) return;
  End(Closure::Cause::kDied, reason);
  EndTransit();
  Withhold();
  Discard(std::move(channel_), side_);
  channel_ = nullptr;
}

// Drops what a side has not received, and perhaps the channel. Messages hold ends of channels, with messages that
// hold ends: no recursion, whose depth an isolate would choose.
void Endpoint::Discard(std::shared_ptr<Channel> channel, int side) {
  using Discarded = std::pair<std::shared_ptr<Channel>, int>;
  static thread_local std::vector<Discarded>* pending = nullptr;
  if (pending != nullptr) {
    pending->emplace_back(std::move(channel), side);
    return;
  }
  std::vector<Discarded> queue;
  pending = &queue;
  queue.emplace_back(std::move(channel), side);
  while (!queue.empty()) {
    const Discarded next = std::move(queue.back());
    queue.pop_back();
    MessageRing& inbox = *next.first->sides[next.second].inbox;
    while (inbox.NextLength().has_value()) inbox.Pop(nullptr);
  }
  pending = nullptr;
}

void Endpoint::End(Closure::Cause cause, const std::string& reason) {
  {
    const std::lock_guard lock(channel_->mutex);
    if (channel_->has_ended.load()) return;
    channel_->cause = cause;
    channel_->closer = side_;
    channel_->reason = reason;
    channel_->has_ended.store(true);
  }
  for (Channel::Side& side : channel_->sides) channel_->Notify(&side);
}

bool Endpoint::HasEnded() const { return channel_->has_ended.load(); }

std::optional<Closure> Endpoint::closure() const {
  if (!channel_->has_ended.load()) return std::nullopt;
  const std::lock_guard lock(channel_->mutex);
  return Closure{channel_->cause, channel_->closer == side_, channel_->reason};
}

}  // namespace runtime
