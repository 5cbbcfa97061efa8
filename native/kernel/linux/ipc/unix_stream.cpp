// AF_UNIX connections: SOCK_STREAM and SOCK_SEQPACKET.
#include "lib/types.h"
#include "linux/ipc/unix_socket.h"

namespace runtime {

namespace {

constexpr uint32_t kMaximumBacklog = 4096;  // net.core.somaxconn
constexpr size_t kPacketOverhead = 32;      // what Linux takes off SO_SNDBUF for one packet

}  // namespace

Result<RefPtr<UnixStreamSocket>> UnixStreamSocket::create(int type, int status_flags) {
  RefPtr<SharedWaitQueue> queue = RefPtr<SharedWaitQueue>::adopt(new SharedWaitQueue());
  if (!queue) return Errno::NoMemory;
  RefPtr<UnixStreamSocket> socket =
      RefPtr<UnixStreamSocket>::adopt(new UnixStreamSocket(type, status_flags, move(queue)));
  if (!socket) return Errno::NoMemory;
  return socket;
}

UnixStreamSocket::~UnixStreamSocket() {
  if (listener_) {
    listener_->close();
    listener_->reset_pending();
  }
  if (!is_connected()) return;
  const bool had_content = incoming_->abandon();
  // The peer learns that bytes were lost: an error first, so that it is not taken for an end.
  if (had_content || is_embryo_) outgoing_->set_error(Errno::ConnectionReset);
  outgoing_->shut();
}

void UnixStreamSocket::become(State state) {
  __atomic_store_n(&state_, state, __ATOMIC_RELEASE);
  queue_->queue.wake_all();
}

Result<void> UnixStreamSocket::join(UnixStreamSocket& first, UnixStreamSocket& second) {
  const UnixChannel::Mode mode =
      first.type() == kSocketStream ? UnixChannel::Mode::Stream : UnixChannel::Mode::Packets;
  Result<RefPtr<UnixChannel>> forth = UnixChannel::create(mode, first.send_buffer(), second.queue_);
  if (forth.is_error()) return forth.error();
  Result<RefPtr<UnixChannel>> back = UnixChannel::create(mode, second.send_buffer(), first.queue_);
  if (back.is_error()) return back.error();
  Result<void> added = forth.value()->add_writer(first.queue_);
  if (!added.is_error()) added = back.value()->add_writer(second.queue_);
  if (added.is_error()) return added;
  first.outgoing_ = second.incoming_ = forth.take();
  second.outgoing_ = first.incoming_ = back.take();
  first.become(State::Connected);
  second.become(State::Connected);
  return {};
}

/// Undoes `join` for a socket whose peer nobody has seen.
void UnixStreamSocket::separate() {
  become(State::Fresh);
  incoming_ = nullptr;
  outgoing_ = nullptr;
}

Result<void> UnixStreamSocket::connect(const SocketAddress& address) {
  const Patience patience = send_patience(0);
  for (;;) {
    Result<RefPtr<UnixName>> name = UnixName::find(address, type());
    if (name.is_error()) return name.error();
    RefPtr<RefCounted> target = name.value()->target();
    if (!target) return Errno::ConnectionRefused;
    UnixListener& listener = static_cast<UnixListener&>(*target);
    Result<void> connected = try_connect(name.value(), listener);
    if (!connected.is_error() || connected.error() != Errno::Again) return connected;
    if (patience.non_blocking) return Errno::Again;
    const WaitResult waited =
        listener.room_queue().wait([&listener] { return listener.has_room(); }, patience.deadline);
    if (waited == WaitResult::TimedOut) return Errno::Again;
    if (waited == WaitResult::Interrupted) return patience.interrupted();
  }
}

Result<void> UnixStreamSocket::try_connect(const RefPtr<UnixName>& name, UnixListener& listener) {
  MutexGuard guard(state_mutex_);
  if (state() == State::Connected) return Errno::IsConnected;
  if (state() == State::Listening) return Errno::Invalid;
  if (listener.is_closed()) return Errno::ConnectionRefused;
  if (!listener.has_room()) return Errno::Again;
  Result<RefPtr<UnixStreamSocket>> created = create(type(), 0);
  if (created.is_error()) return created.error();
  RefPtr<UnixStreamSocket> server = created.take();
  server->name_ = name;
  server->peer_name_ = name_;
  Result<void> joined = join(*this, *server);
  if (joined.is_error()) return joined;
  server->is_embryo_ = true;
  Result<void> queued = listener.enqueue(server);
  if (queued.is_error()) {
    server->separate();
    separate();
    return queued;
  }
  peer_name_ = name;
  if (shut_early_[kShutRead]) incoming_->shut();
  if (shut_early_[kShutWrite]) outgoing_->shut();
  return {};
}

Result<void> UnixStreamSocket::listen(uint32_t backlog) {
  MutexGuard guard(state_mutex_);
  if (state() == State::Connected || !name_) return Errno::Invalid;
  backlog = min_of(backlog, kMaximumBacklog);
  if (listener_) {
    listener_->set_backlog(backlog);
    return {};
  }
  listener_ = RefPtr<UnixListener>::adopt(new UnixListener(queue_, backlog));
  if (!listener_) return Errno::NoMemory;
  if (shut_early_[kShutRead]) listener_->close();
  become(State::Listening);
  name_->set_target(listener_);
  return {};
}

Result<RefPtr<Socket>> UnixStreamSocket::accept(int status_flags, SocketAddress* peer) {
  if (!is_listening()) return Errno::Invalid;
  const Patience patience = receive_patience(0);
  RefPtr<UnixStreamSocket> connection = listener_->dequeue();
  // In this order, as on Linux: only a call that would wait notices that the listener was shut.
  if (!connection && patience.non_blocking) return Errno::Again;
  if (!connection) {
    const WaitResult waited = queue_->queue.wait(
        [this, &connection] {
          if (!connection) connection = listener_->dequeue();
          return static_cast<bool>(connection) || listener_->is_closed();
        },
        patience.deadline);
    if (waited == WaitResult::TimedOut) return Errno::Again;
    if (waited == WaitResult::Interrupted) return patience.interrupted();
    if (!connection) return Errno::Invalid;
  }
  connection->set_status_flags(kOpenReadWrite | (status_flags & kOpenNonBlocking));
  connection->is_embryo_ = false;
  Result<void> named = connection->peer_address(peer);
  if (named.is_error()) return named.error();
  return RefPtr<Socket>(connection);
}

Result<size_t> UnixStreamSocket::send(OutgoingMessage& message) {
  if (message.flags & kMessageOutOfBand) return Errno::NotSupported;
  if (message.address && type() == kSocketStream) {
    if (is_connected()) return Errno::IsConnected;
    return Errno::NotSupported;
  }
  if (!is_connected()) return Errno::NotConnected;
  const UnixChannel::Wait wait = wait_of(send_patience(message.flags));
  if (outgoing_->is_shut()) return Errno::BrokenPipe;
  if (type() == kSocketStream) return outgoing_->send_bytes(message, wait);
  if (message.data.remaining() > send_buffer() - kPacketOverhead) return Errno::MessageSize;
  return outgoing_->send_packet(message, nullptr, kConnectedPackets, wait);
}

Result<size_t> UnixStreamSocket::receive(IncomingMessage& message) {
  const bool is_stream = type() == kSocketStream;
  if (message.flags & kMessageOutOfBand) return Errno::NotSupported;
  if (!is_connected()) return is_stream ? Errno::Invalid : Errno::NotConnected;
  const UnixChannel::Wait wait = wait_of(receive_patience(message.flags));
  const size_t size = message.data.remaining();
  const size_t minimum = message.flags & kMessageWaitAll ? size : min_of(receive_low_mark(), size);
  Result<size_t> received = is_stream ? incoming_->receive_bytes(message, minimum, wait)
                                      : incoming_->receive_packet(message, wait);
  if (received.is_error()) return received;
  message.has_credentials = passes_credentials();
  if (is_stream && peer_name_) message.address = peer_name_->address();
  return received;
}

void UnixStreamSocket::apply_shutdown(int how) {
  const bool reading = how != kShutWrite;
  const bool writing = how != kShutRead;
  if (is_connected()) {
    if (reading) incoming_->shut();
    if (writing) outgoing_->shut();
    return;
  }
  if (reading) shut_early_[kShutRead] = true;
  if (writing) shut_early_[kShutWrite] = true;
  if (reading && listener_) listener_->close();
  queue_->queue.wake_all();
}

/// Unlike what shutdown(2) says in general, an unconnected AF_UNIX socket can be shut on Linux.
Result<void> UnixStreamSocket::shutdown(int how) {
  if (how < kShutRead || how > kShutBoth) return Errno::Invalid;
  MutexGuard guard(state_mutex_);
  apply_shutdown(how);
  return {};
}

PeerCredentials UnixStreamSocket::peer_credentials() {
  return state() == State::Fresh ? Socket::peer_credentials() : own_credentials();
}

void UnixStreamSocket::send_buffer_changed(uint32_t size) {
  if (is_connected()) outgoing_->set_capacity(size);
}

uint32_t UnixStreamSocket::poll_events() {
  const State now = state();
  const bool is_linked = now == State::Connected;
  const bool read_shut = is_linked ? incoming_->is_shut() : shut_early_[kShutRead];
  const bool write_shut = is_linked ? outgoing_->is_shut() : shut_early_[kShutWrite];
  uint32_t events = 0;
  if (read_shut) events |= kPollReadHangUp | kSocketReadable;
  if (read_shut && write_shut) events |= kPollHangUp;
  switch (now) {
    case State::Fresh:
      events |= kPollHangUp | kSocketWritable;
      break;
    case State::Listening:
      if (listener_->has_pending()) events |= kSocketReadable;
      break;
    case State::Connected:
      if (incoming_->has_error()) events |= kPollError;
      if (incoming_->is_readable()) events |= kSocketReadable;
      if (outgoing_->is_writable()) events |= kSocketWritable;
      break;
  }
  return events;
}

}  // namespace runtime
