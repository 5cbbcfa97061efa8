#include "linux/ipc/netlink_socket.h"

#include "linux/process_info.h"

namespace runtime {

namespace {

constexpr int kRouteProtocol = 0;  // NETLINK_ROUTE
constexpr int kNetlinkLevel = 270;
constexpr uint32_t kDatagramOverhead = 32;  // what Linux takes off SO_SNDBUF
constexpr uint32_t kReadable = kPollIn | kPollReadNormal;
constexpr uint32_t kWritable = kPollOut | kPollWriteNormal | 0x200;  // POLLWRBAND
constexpr int kGroupCount = 32;  // those that have a bit in struct sockaddr_nl

// Options of the level SOL_NETLINK, netlink(7).
constexpr int kOptionAddMembership = 1;
constexpr int kOptionDropMembership = 2;
constexpr int kOptionListMemberships = 9;
constexpr int kOptionCappedAcknowledge = 10;
constexpr int kOptionExtendedAcknowledge = 11;  // allows attributes in errors; there are none yet

/// struct sockaddr_nl.
struct NetlinkAddress {
  uint16_t family;
  uint16_t padding;
  uint32_t port;
  uint32_t groups;
};

/// Errors: Invalid when this is no netlink address.
Result<NetlinkAddress> parse(const SocketAddress& address) {
  NetlinkAddress parsed;
  if (address.size < sizeof(parsed)) return Errno::Invalid;
  memcpy(&parsed, address.bytes, sizeof(parsed));
  if (parsed.family != kFamilyNetlink) return Errno::Invalid;
  return parsed;
}

void fill(SocketAddress* address, uint32_t port, uint32_t groups) {
  const NetlinkAddress filled = {kFamilyNetlink, 0, port, groups};
  memcpy(address->bytes, &filled, sizeof(filled));
  address->size = sizeof(filled);
}

bool is_flag_option(int option) {
  return option == kOptionCappedAcknowledge || option == kOptionExtendedAcknowledge;
}

}  // namespace

/// All bound sockets, by their port.
class NetlinkPorts {
 public:
  /// Binds to `port`, or with 0 to one that is free: the process's number first, as on Linux, then
  /// from the top down. Does nothing when the socket is bound. Errors: AddressInUse.
  Result<void> bind(NetlinkSocket* socket, uint32_t port) {
    SpinGuard guard(lock_);
    if (socket->port_ != 0) return {};
    if (port != 0 && is_taken(port)) return Errno::AddressInUse;
    if (port == 0) {
      port = kProcessId;
      while (is_taken(port)) port = next_++ | 0x80000000u;
    }
    __atomic_store_n(&socket->port_, port, __ATOMIC_RELEASE);
    sockets_.push_back(socket);
    return {};
  }

  void release(NetlinkSocket* socket) {
    SpinGuard guard(lock_);
    socket->port_node_.unlink();
  }

 private:
  /// Lock held.
  bool is_taken(uint32_t port) {
    for (NetlinkSocket* socket = sockets_.front(); socket; socket = sockets_.next(socket)) {
      if (socket->port_ == port) return true;
    }
    return false;
  }

  SpinLock lock_{LockRank::Pipe};
  List<NetlinkSocket, &NetlinkSocket::port_node_> sockets_;
  uint32_t next_ = 0;
};

static NetlinkPorts g_ports;

Result<RefPtr<Socket>> create_netlink_socket(int type, int protocol, int status_flags) {
  if (type != kSocketRaw && type != kSocketDatagram) return Errno::SocketTypeNotSupported;
  if (protocol != kRouteProtocol) return Errno::ProtocolNotSupported;
  RefPtr<Socket> socket = RefPtr<Socket>::adopt(new NetlinkSocket(type, status_flags));
  if (!socket) return Errno::NoMemory;
  return socket;
}

NetlinkSocket::~NetlinkSocket() {
  g_ports.release(this);
  while (NetlinkDatagram* datagram = datagrams_.pop_front()) delete datagram;
}

Result<void> NetlinkSocket::bind(const SocketAddress& address) {
  Result<NetlinkAddress> wanted = parse(address);
  if (wanted.is_error()) return wanted.error();
  const uint32_t bound = port();
  if (bound != 0 && wanted.value().port != bound) return Errno::Invalid;
  if (bound == 0) {
    Result<void> result = g_ports.bind(this, wanted.value().port);
    if (result.is_error()) return result;
  }
  __atomic_store_n(&groups_, wanted.value().groups, __ATOMIC_RELEASE);
  return {};
}

/// Only the kernel can be reached; AF_UNSPEC makes it the peer again.
Result<void> NetlinkSocket::connect(const SocketAddress& address) {
  if (address.size < sizeof(uint16_t)) return Errno::Invalid;
  if (address.family() == kFamilyUnspecified) return {};
  Result<void> checked = check_destination(&address);
  if (checked.is_error()) return checked;
  return g_ports.bind(this, 0);
}

Result<void> NetlinkSocket::local_address(SocketAddress* address) {
  fill(address, port(), __atomic_load_n(&groups_, __ATOMIC_ACQUIRE));
  return {};
}

Result<void> NetlinkSocket::peer_address(SocketAddress* address) {
  fill(address, 0, 0);
  return {};
}

/// Requests go to the kernel; what processes say to each other needs a privilege on Linux, too.
Result<void> NetlinkSocket::check_destination(const SocketAddress* address) {
  if (!address) return {};
  Result<NetlinkAddress> wanted = parse(*address);
  if (wanted.is_error()) return wanted.error();
  if (wanted.value().port != 0 || wanted.value().groups != 0) return Errno::Perm;
  return {};
}

Result<size_t> NetlinkSocket::send(OutgoingMessage& message) {
  if (message.flags & kMessageOutOfBand) return Errno::NotSupported;
  const size_t size = message.data.remaining();
  if (size == 0) return Errno::NoData;
  Result<void> checked = check_destination(message.address);
  if (checked.is_error()) return checked.error();
  Result<void> bound = g_ports.bind(this, 0);
  if (bound.is_error()) return bound.error();
  if (size > send_buffer() - kDatagramOverhead) return Errno::MessageSize;
  Vector<uint8_t> bytes;
  Result<void> resized = bytes.resize(size);
  if (resized.is_error()) return resized.error();
  Result<void> copied = message.data.get(bytes.data(), size);
  if (copied.is_error()) return copied.error();

  const uint32_t flags = __atomic_load_n(&flags_, __ATOMIC_ACQUIRE);
  NetlinkReplies replies(port());
  answer_netlink(bytes.data(), size, handle_route_request,
                 (flags & 1u << kOptionCappedAcknowledge) != 0, &replies);
  enqueue(&replies);
  return size;
}

/// Makes answers readable. What exceeds the receive buffer, or memory, is lost, which the next
/// receive reports.
void NetlinkSocket::enqueue(NetlinkReplies* replies) {
  bool is_lost = replies->status().is_error();
  {
    MutexGuard guard(mutex_);
    size_t queued = queued_bytes_;
    while (NetlinkDatagram* datagram = replies->take()) {
      if (is_lost || queued > receive_buffer()) {
        is_lost = true;
        delete datagram;
        continue;
      }
      queued += datagram->bytes.size();
      datagrams_.push_back(datagram);
    }
    __atomic_store_n(&queued_bytes_, queued, __ATOMIC_RELEASE);
  }
  if (is_lost) {
    __atomic_store_n(&error_, static_cast<int>(Errno::NoBuffers), __ATOMIC_RELEASE);
  }
  queue_.wake_all(kReadable | (is_lost ? kPollError : 0));
}

Result<void> NetlinkSocket::wait_for_datagram(const Patience& patience) {
  if (patience.non_blocking) return Errno::Again;
  const WaitResult waited =
      queue_.wait([this] { return has_datagram() || has_error(); }, patience.deadline);
  if (waited == WaitResult::TimedOut) return Errno::Again;
  if (waited == WaitResult::Interrupted) return patience.interrupted();
  return {};
}

Result<size_t> NetlinkSocket::receive(IncomingMessage& message) {
  if (message.flags & kMessageOutOfBand) return Errno::NotSupported;
  const Patience patience = receive_patience(message.flags);
  for (;;) {
    if (has_error()) {
      const int error = take_error();
      if (error != 0) return static_cast<Errno>(error);
    }
    {
      MutexGuard guard(mutex_);
      if (NetlinkDatagram* datagram = datagrams_.front()) {
        const size_t length = datagram->bytes.size();
        const size_t size = min_of(length, message.data.remaining());
        Result<void> copied = message.data.put(datagram->bytes.data(), size);
        if (!(message.flags & kMessagePeek)) {  // lost, too, when the buffer was bad
          datagrams_.pop_front();
          __atomic_store_n(&queued_bytes_, queued_bytes_ - length, __ATOMIC_RELEASE);
          delete datagram;
        }
        if (copied.is_error()) return copied.error();
        if (size < length) message.result_flags |= kMessageTruncated;
        fill(&message.address, 0, 0);
        return (message.flags & kMessageTruncated) ? length : size;
      }
    }
    Result<void> waited = wait_for_datagram(patience);
    if (waited.is_error()) return waited.error();
  }
}

uint32_t NetlinkSocket::poll_events() {
  return kWritable | (has_datagram() ? kReadable : 0) | (has_error() ? kPollError : 0);
}

Result<void> NetlinkSocket::set_family_option(int level, int option, UserPtr<void> value,
                                              uint32_t size) {
  if (level != kNetlinkLevel) return Errno::NoProtocolOption;
  if (size < sizeof(int)) return Errno::Invalid;
  Result<int> number = value.cast<int>().read();
  if (number.is_error()) return number.error();
  if (is_flag_option(option)) {
    const uint32_t bit = 1u << option;
    if (number.value()) {
      __atomic_or_fetch(&flags_, bit, __ATOMIC_ACQ_REL);
    } else {
      __atomic_and_fetch(&flags_, ~bit, __ATOMIC_ACQ_REL);
    }
    return {};
  }
  if (option != kOptionAddMembership && option != kOptionDropMembership) {
    return Errno::NoProtocolOption;
  }
  if (number.value() < 1 || number.value() > kGroupCount) return Errno::Invalid;
  const uint32_t group = 1u << (number.value() - 1);
  if (option == kOptionAddMembership) {
    __atomic_or_fetch(&groups_, group, __ATOMIC_ACQ_REL);
  } else {
    __atomic_and_fetch(&groups_, ~group, __ATOMIC_ACQ_REL);
  }
  return {};
}

Result<void> NetlinkSocket::get_family_option(int level, int option, UserPtr<void> value,
                                              UserPtr<uint32_t> size) {
  if (level != kNetlinkLevel) return Errno::NoProtocolOption;
  Result<uint32_t> capacity = size.read();
  if (capacity.is_error()) return capacity.error();
  uint32_t number = 0;
  if (option == kOptionListMemberships) {
    number = __atomic_load_n(&groups_, __ATOMIC_ACQUIRE);
  } else if (is_flag_option(option)) {
    if (capacity.value() < sizeof(int)) return Errno::Invalid;
    number = __atomic_load_n(&flags_, __ATOMIC_ACQUIRE) >> option & 1;
  } else {
    return Errno::NoProtocolOption;
  }
  if (capacity.value() >= sizeof(number)) {
    Result<void> copied = value.cast<uint32_t>().write(number);
    if (copied.is_error()) return copied;
  }
  return size.write(sizeof(number));
}

}  // namespace runtime
