// AF_UNIX datagrams: SOCK_DGRAM.
#include "linux/ipc/unix_socket.h"

namespace runtime {

namespace {

constexpr size_t kDatagramOverhead = 32;              // what Linux takes off SO_SNDBUF
constexpr size_t kMailboxCapacity = 4 * 1024 * 1024;  // pages are taken as they are needed

}  // namespace

Result<RefPtr<UnixDatagramSocket>> UnixDatagramSocket::create(int status_flags) {
  RefPtr<SharedWaitQueue> queue = RefPtr<SharedWaitQueue>::adopt(new SharedWaitQueue());
  if (!queue) return Errno::NoMemory;
  Result<RefPtr<UnixChannel>> mailbox =
      UnixChannel::create(UnixChannel::Mode::Packets, kMailboxCapacity, queue);
  if (mailbox.is_error()) return mailbox.error();
  RefPtr<UnixDatagramSocket> socket = RefPtr<UnixDatagramSocket>::adopt(
      new UnixDatagramSocket(status_flags, queue, mailbox.take()));
  if (!socket) return Errno::NoMemory;
  return socket;
}

UnixDatagramSocket::~UnixDatagramSocket() {
  mailbox_->abandon();
  if (peer_) peer_->remove_writer(queue_.get());
}

Result<void> UnixDatagramSocket::join(UnixDatagramSocket& first, UnixDatagramSocket& second) {
  Result<void> joined = first.set_peer(second.mailbox_, nullptr);
  if (joined.is_error()) return joined;
  return second.set_peer(first.mailbox_, nullptr);
}

RefPtr<UnixChannel> UnixDatagramSocket::peer() {
  SpinGuard guard(peer_lock_);
  return peer_;
}

uint32_t UnixDatagramSocket::packet_limit(const UnixChannel& target) const {
  return target.reader_target() == mailbox_.get() ? kConnectedPackets : kMailboxPackets;
}

bool UnixDatagramSocket::is_connected() { return static_cast<bool>(peer()); }

/// State mutex held, or the socket still unknown.
Result<void> UnixDatagramSocket::set_peer(RefPtr<UnixChannel> new_peer, RefPtr<UnixName> name) {
  if (new_peer) {
    Result<void> added = new_peer->add_writer(queue_);
    if (added.is_error()) return added;
  }
  {
    SpinGuard guard(peer_lock_);
    swap_values(peer_, new_peer);
  }
  mailbox_->set_reader_target(peer_.get());
  if (new_peer) new_peer->remove_writer(queue_.get());
  peer_name_ = move(name);
  queue_->queue.wake_all();
  return {};
}

/// Sets where send(2) goes; AF_UNSPEC ends that.
Result<void> UnixDatagramSocket::connect(const SocketAddress& address) {
  if (address.size >= sizeof(uint16_t) && address.family() == kFamilyUnspecified) {
    MutexGuard guard(state_mutex_);
    return set_peer(nullptr, nullptr);
  }
  Result<RefPtr<UnixName>> name = UnixName::find(address, type());
  if (name.is_error()) return name.error();
  RefPtr<RefCounted> target = name.value()->target();
  if (!target) return Errno::ConnectionRefused;
  MutexGuard guard(state_mutex_);
  return set_peer(RefPtr<UnixChannel>(static_cast<UnixChannel*>(target.get())), name.take());
}

Result<size_t> UnixDatagramSocket::send(OutgoingMessage& message) {
  if (message.flags & kMessageOutOfBand) return Errno::NotSupported;
  RefPtr<UnixChannel> target = peer();
  if (message.address) {
    Result<RefPtr<UnixName>> name = UnixName::find(*message.address, type());
    if (name.is_error()) return name.error();
    RefPtr<RefCounted> bound = name.value()->target();
    target = RefPtr<UnixChannel>(static_cast<UnixChannel*>(bound.get()));
    if (!target) return Errno::ConnectionRefused;
  }
  if (!target) return Errno::NotConnected;
  const UnixChannel* receivers_peer = target->reader_target();
  const bool is_spoken_for = receivers_peer && receivers_peer != mailbox_.get();
  if (is_spoken_for && !target->is_abandoned()) return Errno::Perm;
  if (message.data.remaining() > send_buffer() - kDatagramOverhead) return Errno::MessageSize;
  if (__atomic_load_n(&is_send_shut_, __ATOMIC_ACQUIRE)) return Errno::BrokenPipe;
  RefPtr<UnixName> sender;
  {
    MutexGuard guard(state_mutex_);
    sender = name_;
  }
  Result<size_t> sent = target->send_packet(message, sender, packet_limit(*target),
                                            wait_of(send_patience(message.flags)));
  if (!sent.is_error() || sent.error() != Errno::BrokenPipe || !target->is_abandoned()) return sent;
  // The receiver is gone, not just shut.
  if (!message.address) {
    MutexGuard guard(state_mutex_);
    Result<void> parted = set_peer(nullptr, nullptr);
    if (parted.is_error()) return parted.error();
  }
  return Errno::ConnectionRefused;
}

Result<size_t> UnixDatagramSocket::receive(IncomingMessage& message) {
  if (message.flags & kMessageOutOfBand) return Errno::NotSupported;
  Result<size_t> received =
      mailbox_->receive_packet(message, wait_of(receive_patience(message.flags)));
  message.has_credentials = passes_credentials();
  return received;
}

Result<void> UnixDatagramSocket::shutdown(int how) {
  if (how < kShutRead || how > kShutBoth) return Errno::Invalid;
  if (how != kShutWrite) mailbox_->shut();
  if (how != kShutRead) __atomic_store_n(&is_send_shut_, true, __ATOMIC_RELEASE);
  queue_->queue.wake_all();
  return {};
}

PeerCredentials UnixDatagramSocket::peer_credentials() {
  return is_connected() ? own_credentials() : Socket::peer_credentials();
}

uint32_t UnixDatagramSocket::poll_events() {
  uint32_t events = 0;
  const bool is_send_shut = __atomic_load_n(&is_send_shut_, __ATOMIC_ACQUIRE);
  if (mailbox_->is_shut()) events |= kPollReadHangUp | kSocketReadable;
  if (mailbox_->is_shut() && is_send_shut) events |= kPollHangUp;
  if (mailbox_->is_readable()) events |= kSocketReadable;
  RefPtr<UnixChannel> target = peer();
  if (!target || target->is_writable(packet_limit(*target))) events |= kSocketWritable;
  return events;
}

}  // namespace runtime
