// TCP sockets: tcp(7). The order of checks is that of Linux's net/ipv4/af_inet.c and tcp.c, as seen from
// system calls.
#include "broker/inet_socket.h"
#include "broker/table.h"

namespace runtime {

namespace {

constexpr uint32_t kMaximumBacklog = 4096;  // net.core.somaxconn
constexpr int kMessageErrorQueue = 0x2000;

}  // namespace

InternetStream::State InternetStream::state(uint32_t flags) const {
  if (endpoint_->is_listening()) return endpoint_->is_stopped() ? State::Closed : State::Listening;
  if (progress() == Progress::Unconnected) return State::Closed;
  if (flags & RUNTIME_SERVICE_FLAG_GONE) return State::Closed;
  if (flags & RUNTIME_SERVICE_FLAG_CONNECTED) return State::Connected;
  return progress() == Progress::Connecting ? State::Connecting : State::Closed;
}

/// Nothing comes any more: a FIN came, shutdown(SHUT_RD), or the connection is over.
bool InternetStream::is_receive_ended(uint32_t flags) const {
  if (is_shut(RUNTIME_KERNEL_FLAG_RECEIVE_SHUTDOWN)) return true;
  if (progress() == Progress::Unconnected) return false;
  return (flags & (RUNTIME_SERVICE_FLAG_RECEIVE_END | RUNTIME_SERVICE_FLAG_GONE)) != 0;
}

bool InternetStream::is_send_ended(uint32_t flags) const {
  if (is_shut(RUNTIME_KERNEL_FLAG_SEND_SHUTDOWN)) return true;
  if (progress() == Progress::Unconnected) return false;
  return (flags & (RUNTIME_SERVICE_FLAG_SEND_CLOSED | RUNTIME_SERVICE_FLAG_GONE)) != 0;
}

/// The error of a connection counts once that is over. The service leaves it first and says so then:
/// whoever came in between would meet an error without an end.
bool InternetStream::is_error_due() const {
  const State now = state();
  return now != State::Connecting && now != State::Connected;
}

int InternetStream::pending_error() const {
  return is_error_due() ? endpoint_->pending_error() : 0;
}

int InternetStream::take_error() { return is_error_due() ? endpoint_->take_error() : 0; }

Result<void> InternetStream::connect(const SocketAddress& address) {
  if (address.size < sizeof(uint16_t)) return Errno::Invalid;
  if (address.family() == kFamilyUnspecified) {
    // Taking a connection apart this way is not offered; there is none to take apart: as Linux.
    if (progress() == Progress::Unconnected) return {};
    return Errno::AddressFamilyNotSupported;
  }
  const Waiting patience = waiting(send_patience(0));
  switch (progress()) {
    case Progress::Connected:
      return Errno::IsConnected;
    case Progress::Connecting:
      return wait_for_connect(patience, Errno::Already);
    case Progress::Unconnected:
      break;
  }
  if (state() == State::Listening) return Errno::IsConnected;
  Result<void> begun = begin_connect(address);
  if (begun.is_error()) return begun;
  // Whatever the service has reached meanwhile: Linux's handshake never ends within the call either.
  if (patience.non_blocking) return Errno::InProgress;
  return wait_for_connect(patience, Errno::InProgress);
}

Result<void> InternetStream::begin_connect(const SocketAddress& address) {
  Result<InternetAddress> parsed = InternetAddress::parse(address, family());
  if (parsed.is_error()) return parsed.error();
  Request request(RUNTIME_REQUEST_CONNECT);
  request.address = parsed.value();
  Result<void> checked = check_kind(request.address);
  if (checked.is_error()) return checked;
  request.address.wildcard_to_loopback();
  if (request.address.is_multicast() || request.address.is_limited_broadcast()) {
    return Errno::NetworkUnreachable;
  }
  Progress expected = Progress::Unconnected;
  if (!__atomic_compare_exchange_n(&progress_, &expected, Progress::Connecting, false,
                                   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    return Errno::Already;  // another thread was first
  }
  Result<void> begun = endpoint_->request(request);
  // Restart as well: the call comes again and takes up the answer.
  if (begun.is_error()) set_progress(Progress::Unconnected);
  return begun;
}

/// Waits until the connection is there or failed. `meanwhile` is what a call returns that does not wait
/// long enough.
Result<void> InternetStream::wait_for_connect(const Waiting& patience, Errno meanwhile) {
  if (state() == State::Connecting) {
    if (patience.non_blocking) return meanwhile;
    const WaitResult waited = endpoint_->ready_queue().wait(
        [this] { return state() != State::Connecting; }, patience.deadline);
    if (waited == WaitResult::TimedOut) return meanwhile;
    if (waited == WaitResult::Interrupted) return patience.interrupted;
  }
  if (state() == State::Connected) {
    set_progress(Progress::Connected);
    return {};
  }
  // It failed. SO_ERROR may have been asked for already.
  const int error = take_error();
  set_progress(Progress::Unconnected);
  return error ? static_cast<Errno>(error) : Errno::ConnectionAborted;
}

Result<void> InternetStream::listen(uint32_t backlog) {
  if (progress() != Progress::Unconnected || endpoint_->is_stopped()) return Errno::Invalid;
  Result<void> bound = bind_anywhere();
  if (bound.is_error()) return bound;
  Request request(RUNTIME_REQUEST_LISTEN);
  request.value0 = min_of(backlog, kMaximumBacklog);
  return endpoint_->request(request);
}

Result<RefPtr<Socket>> InternetStream::accept(int status_flags, SocketAddress* peer) {
  if (!is_listening()) return Errno::Invalid;
  const Patience patience = receive_patience(0);
  RefPtr<Endpoint> connection = endpoint_->dequeue_connection();
  if (!connection && patience.non_blocking) return Errno::Again;
  if (!connection) {
    const WaitResult waited = endpoint_->ready_queue().wait(
        [this, &connection] {
          if (!connection) connection = endpoint_->dequeue_connection();
          return static_cast<bool>(connection) || !is_listening();
        },
        patience.deadline);
    if (waited == WaitResult::TimedOut) return Errno::Again;
    if (waited == WaitResult::Interrupted) return patience.interrupted();
    if (!connection) return Errno::Invalid;
  }
  RefPtr<InternetStream> socket =
      RefPtr<InternetStream>::adopt(new InternetStream(status_flags, connection));
  if (!socket) {
    connection->close(true);
    return Errno::NoMemory;
  }
  socket->set_progress(Progress::Connected);
  socket->inherit_options(*this);
  socket->options_.inherit(options_);
  *peer = connection->peer_address().to_socket_address(family());
  return RefPtr<Socket>(socket);
}

/// What a call that can go no further returns: the pending error, or else EPIPE.
Errno InternetStream::stream_error() {
  const int error = take_error();
  return error ? static_cast<Errno>(error) : Errno::BrokenPipe;
}

Result<void> InternetStream::check_sendable(const Waiting& patience) {
  if (state() == State::Connecting) {
    if (patience.non_blocking) return Errno::Again;
    const WaitResult waited = endpoint_->ready_queue().wait(
        [this] { return state() != State::Connecting; }, patience.deadline);
    if (waited == WaitResult::TimedOut) return Errno::Again;
    if (waited == WaitResult::Interrupted) return patience.interrupted;
  }
  if (pending_error() || is_send_ended() || state() != State::Connected) {
    return stream_error();
  }
  return {};
}

Result<size_t> InternetStream::send(OutgoingMessage& message) {
  if (message.flags & kMessageOutOfBand) return Errno::NotSupported;
  const Waiting patience = waiting(send_patience(message.flags));
  size_t total = 0;
  for (;;) {
    // After a part was sent, the next call tells of the error.
    if (total && (pending_error() || is_send_ended())) return total;
    Result<void> checked = check_sendable(patience);
    if (checked.is_error()) return checked.error();
    if (message.data.remaining() == 0) return total;
    Result<size_t> moved = endpoint_->put_bytes(message.data);
    if (moved.is_error()) {
      if (total) return total;
      return moved;
    }
    total += moved.value();
    if (message.data.remaining() == 0) return total;
    if (moved.value()) continue;
    if (patience.non_blocking) {
      if (total) return total;
      return Errno::Again;
    }
    const WaitResult waited = endpoint_->ready_queue().wait(
        [this] { return endpoint_->is_writable() || pending_error() || is_send_ended(); },
        patience.deadline);
    if (waited == WaitResult::Ready) continue;
    if (total) return total;
    return waited == WaitResult::TimedOut ? Errno::Again : patience.interrupted;
  }
}

Result<size_t> InternetStream::receive(IncomingMessage& message) {
  if (state() == State::Listening) return Errno::NotConnected;
  if (message.flags & kMessageErrorQueue) return Errno::Again;
  if (message.flags & kMessageOutOfBand) return Errno::Invalid;  // there is no urgent data
  const Waiting patience = waiting(receive_patience(message.flags));
  const bool peek = (message.flags & kMessagePeek) != 0;
  const bool discard = (message.flags & kMessageTruncated) != 0;
  const size_t wanted = message.data.remaining();
  if (wanted == 0) return static_cast<size_t>(0);
  const size_t least =
      message.flags & kMessageWaitAll ? wanted : min_of(receive_low_mark(), wanted);
  size_t total = 0;
  for (;;) {
    // First what can still come, then what is there: the service sets them the other way round.
    const uint32_t flags = endpoint_->flags();
    const bool is_over = is_receive_ended(flags);
    const State now = state(flags);
    Result<size_t> moved =
        endpoint_->take_bytes(message.data, wanted - total, peek ? total : 0, peek, discard);
    if (moved.is_error()) {
      if (total) return total;
      return moved;
    }
    total += moved.value();
    if (total >= least) return total;
    if (total && (is_over || pending_error() || now == State::Closed)) return total;
    if (total == 0) {
      // After a FIN a reset is no news for the reader: its error is the writer's EPIPE.
      const bool is_for_writer = pending_error() == static_cast<int>(Errno::BrokenPipe);
      const int error = is_for_writer && is_over ? 0 : take_error();
      if (error) return static_cast<Errno>(error);
      if (is_over) return total;
      if (now == State::Closed) return Errno::NotConnected;
    }
    if (patience.non_blocking) {
      if (total) return total;
      return Errno::Again;
    }
    Result<void> waited = wait_for_data(patience, peek ? total : 0);
    if (!waited.is_error()) continue;
    if (total) return total;
    return waited.error();
  }
}

/// Waits for more than `offset` bytes, or for what ends the wait.
Result<void> InternetStream::wait_for_data(const Waiting& patience, size_t offset) {
  const State before = state();
  const WaitResult waited = endpoint_->ready_queue().wait(
      [this, offset, before] {
        if (endpoint_->readable_bytes() > offset) return true;
        if (pending_error() || is_receive_ended()) return true;
        return state() == State::Closed && before != State::Closed;
      },
      patience.deadline);
  if (waited == WaitResult::TimedOut) return Errno::Again;
  if (waited == WaitResult::Interrupted) return patience.interrupted;
  return {};
}

Result<void> InternetStream::shutdown(int how) {
  if (how < kShutRead || how > kShutBoth) return Errno::Invalid;
  if (endpoint_->is_listening() && how != kShutWrite) {
    if (endpoint_->is_stopped()) return Errno::NotConnected;
    endpoint_->set_kernel_flags(RUNTIME_KERNEL_FLAG_RECEIVE_SHUTDOWN);
    endpoint_->stop_listening();
    endpoint_->call_service();
    return {};
  }
  if (state() == State::Closed) return Errno::NotConnected;
  if (state() == State::Listening) return {};
  endpoint_->set_kernel_flags((how != kShutWrite ? RUNTIME_KERNEL_FLAG_RECEIVE_SHUTDOWN : 0) |
                              (how != kShutRead ? RUNTIME_KERNEL_FLAG_SEND_SHUTDOWN : 0));
  endpoint_->call_service();
  endpoint_->ready_queue().wake_all();
  return {};
}

Result<void> InternetStream::peer_address(SocketAddress* address) {
  if (state() != State::Connected) return Errno::NotConnected;
  *address = endpoint_->peer_address().to_socket_address(family());
  return {};
}

size_t InternetStream::readable_bytes() { return endpoint_->readable_bytes(); }
size_t InternetStream::unreceived_bytes() { return endpoint_->unsent_bytes(); }

uint32_t InternetStream::poll_events() {
  const uint32_t flags = endpoint_->flags();
  const State now = state(flags);
  if (now == State::Listening) return endpoint_->has_connection() ? kInternetReadable : 0;
  const bool receive_ended = is_receive_ended(flags);
  const bool send_ended = is_send_ended(flags);
  uint32_t events = 0;
  if ((receive_ended && send_ended) || now == State::Closed) events |= kPollHangUp;
  if (receive_ended) events |= kInternetReadable | kPollReadHangUp;
  if (now != State::Connecting) {
    const uint32_t readable = endpoint_->readable_bytes();
    // A full ring is readable whatever SO_RCVLOWAT says: no more can come before it is read.
    if (readable && (readable >= receive_low_mark() || endpoint_->is_receive_full())) {
      events |= kInternetReadable;
    }
    if (send_ended || now == State::Closed || endpoint_->is_writable()) {
      events |= kInternetWritable;
    }
  }
  if (now == State::Closed && endpoint_->pending_error()) events |= kPollError;
  return events;
}

void InternetStream::last_reference_gone() {
  const bool is_open = state() == State::Connected;
  const int seconds = linger_seconds();
  // As on Linux: bytes that nobody read tell the peer that they were lost (RFC 2525, 2.17).
  const bool reset = seconds == 0 || (is_open && endpoint_->readable_bytes() > 0);
  endpoint_->close(reset);
  if (is_open && !reset && seconds > 0) {
    endpoint_->wait_until_gone(
        Deadline::after(static_cast<uint64_t>(seconds) * kNanosecondsPerSecond));
  }
  InternetSocket::last_reference_gone();
}

}  // namespace runtime
