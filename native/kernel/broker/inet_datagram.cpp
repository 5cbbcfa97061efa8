// UDP and ICMP echo sockets: udp(7), icmp(7).
#include "broker/inet_socket.h"
#include "broker/table.h"

namespace runtime {

namespace {

constexpr size_t kLongestV4 = 65507;  // 65535 less the headers of IPv4 and UDP
constexpr size_t kLongestV6 = 65527;  // 65535 less UDP's
constexpr size_t kEchoHeader = 8;
constexpr int kMessageErrorQueue = 0x2000;
constexpr uint32_t kWriteBand = 0x200;  // POLLWRBAND
constexpr int kLevelUdp = 17;

/// struct in_pktinfo, ip(7).
struct PacketInfoV4 {
  uint32_t interface;
  uint8_t local[4];
  uint8_t destination[4];
};

/// struct in6_pktinfo, ipv6(7).
struct PacketInfoV6 {
  uint8_t address[16];
  uint32_t interface;
};

bool is_zero(const uint8_t (&bytes)[16]) {
  for (const uint8_t byte : bytes) {
    if (byte) return false;
  }
  return true;
}

}  // namespace

Result<void> InternetDatagram::connect(const SocketAddress& address) {
  if (address.size < sizeof(uint16_t)) return Errno::Invalid;
  Request request(RUNTIME_REQUEST_CONNECT);
  if (address.family() == kFamilyUnspecified) {
    if (!is_connected()) return {};
    return endpoint_->request(request);
  }
  Result<InternetAddress> parsed = InternetAddress::parse(address, family(), true);
  if (parsed.is_error()) return parsed.error();
  request.address = parsed.value();
  Result<void> checked = check_kind(request.address);
  if (checked.is_error()) return checked;
  request.address.wildcard_to_loopback();
  if (request.address.is_limited_broadcast() && !options_.value(kLevelSocket, kSocketBroadcast)) {
    return Errno::Access;
  }
  return endpoint_->request(request);
}

/// The record's header but for what control messages say.
Result<void> InternetDatagram::fill_header(OutgoingMessage& message,
                                           RuntimeDatagramRecord* header) {
  memset(header, 0, sizeof(*header));
  header->traffic_class = 0xffffffff;
  header->length = static_cast<uint32_t>(message.data.remaining());
  InternetAddress target;
  if (message.address) {
    SocketAddress given = *message.address;
    if (!is_v6() && given.family() == kFamilyUnspecified) {
      const uint16_t family = kFamilyInternetV4;  // as Linux takes it
      memcpy(given.bytes, &family, sizeof(family));
    }
    Result<InternetAddress> parsed = InternetAddress::parse(given, family(), true);
    if (parsed.is_error()) return parsed.error();
    target = parsed.value();
    if (protocol() == kProtocolUdp && target.port == 0) return Errno::Invalid;
    Result<void> checked = check_kind(target);
    if (checked.is_error()) return checked;
    target.wildcard_to_loopback();
    if (target.is_limited_broadcast() && !options_.value(kLevelSocket, kSocketBroadcast)) {
      return Errno::Access;
    }
    header->remote_family = target.family;
    header->remote_port = target.port;
    header->remote_scope = target.scope;
    memcpy(header->remote_address, target.bytes, sizeof(target.bytes));
  } else {
    if (!is_connected()) return Errno::DestinationRequired;
    target = endpoint_->peer_address();
  }
  const size_t longest = target.is_v4() ? kLongestV4 : kLongestV6;
  if (message.data.remaining() > longest) return Errno::MessageSize;
  return {};
}

/// What the control messages of sendmsg(2) ask for.
Result<void> InternetDatagram::read_control(const OutgoingMessage& message,
                                            RuntimeDatagramRecord* header) {
  ControlReader reader(message.control);
  ControlMessage control;
  for (;;) {
    Result<bool> next = reader.next(&control);
    if (next.is_error()) return next.error();
    if (!next.value()) return {};
    if (control.level == kLevelSocket) continue;  // ControlData::load has looked at these
    int number = 0;
    memcpy(&number, control.data, min_of<size_t>(control.size, sizeof(number)));
    if (control.level == kLevelIp && control.type == kIpPacketInfo) {
      PacketInfoV4 info;
      if (control.size < sizeof(info)) return Errno::Invalid;
      memcpy(&info, control.data, sizeof(info));
      header->interface_index = info.interface;
      const InternetAddress source = internet_address_v4(info.local);
      if (!source.is_any()) memcpy(header->local_address, source.bytes, sizeof(source.bytes));
    } else if (control.level == kLevelIpv6 && control.type == kIpv6PacketInfo) {
      PacketInfoV6 info;
      if (!is_v6() || control.size < sizeof(info)) return Errno::Invalid;
      memcpy(&info, control.data, sizeof(info));
      header->interface_index = info.interface;
      memcpy(header->local_address, info.address, sizeof(info.address));
    } else if ((control.level == kLevelIp && control.type == kIpTtl) ||
               (control.level == kLevelIpv6 && control.type == kIpv6HopLimit)) {
      const int least = control.level == kLevelIp ? 1 : -1;
      if (control.size < sizeof(int) || number < least || number > 255) return Errno::Invalid;
      header->hop_limit = number < 0 ? 0 : static_cast<uint32_t>(number);
    } else if ((control.level == kLevelIp && control.type == kIpTos) ||
               (control.level == kLevelIpv6 && control.type == kIpv6TrafficClass)) {
      if (control.size < 1 || number < -1 || number > 255) return Errno::Invalid;
      header->traffic_class = static_cast<uint32_t>(number);
    } else if (control.level == kLevelIp || control.level == kLevelIpv6 ||
               control.level == kLevelUdp) {
      return Errno::Invalid;
    }
  }
}

/// The first datagram gives the socket a port; routes that do not exist are told then.
Result<void> InternetDatagram::make_bound(const RuntimeDatagramRecord& header) {
  if (endpoint_->is_bound()) return {};
  if (options_.value(kLevelIpv6, kIpv6Only)) return bind_anywhere();
  Request request(RUNTIME_REQUEST_AUTOBIND);
  request.address = internet_address_v6(header.remote_address);
  request.address.family = header.remote_family;
  request.address.port = header.remote_port;
  request.address.scope = header.remote_scope;
  return endpoint_->request(request);
}

Result<size_t> InternetDatagram::send(OutgoingMessage& message) {
  if (message.flags & kMessageOutOfBand) return Errno::NotSupported;
  const size_t size = message.data.remaining();
  if (size > UINT16_MAX) return Errno::MessageSize;
  if (protocol() != kProtocolUdp && size < kEchoHeader) return Errno::Invalid;
  RuntimeDatagramRecord header;
  Result<void> result = fill_header(message, &header);
  if (!result.is_error()) result = read_control(message, &header);
  if (result.is_error()) return result.error();
  const Waiting patience = waiting(send_patience(message.flags));
  for (;;) {
    const int error = endpoint_->take_error();
    if (error) return static_cast<Errno>(error);
    if (is_shut(RUNTIME_KERNEL_FLAG_SEND_SHUTDOWN)) return Errno::BrokenPipe;
    result = make_bound(header);
    if (result.is_error()) return result.error();
    const uint32_t taken = endpoint_->taken_by_service();
    Result<bool> sent = endpoint_->put_datagram(header, message.data);
    if (sent.is_error()) return sent.error();
    if (sent.value()) return size;
    if (patience.non_blocking) return Errno::Again;
    const WaitResult waited = endpoint_->ready_queue().wait(
        [this, taken] {
          return endpoint_->taken_by_service() != taken || endpoint_->unsent_bytes() == 0 ||
                 endpoint_->pending_error() || is_shut(RUNTIME_KERNEL_FLAG_SEND_SHUTDOWN);
        },
        patience.deadline);
    if (waited == WaitResult::TimedOut) return Errno::Again;
    if (waited == WaitResult::Interrupted) return patience.interrupted;
  }
}

Result<size_t> InternetDatagram::receive(IncomingMessage& message) {
  if (message.flags & (kMessageErrorQueue)) return Errno::Again;
  if (message.flags & kMessageOutOfBand) return Errno::NotSupported;
  const Waiting patience = waiting(receive_patience(message.flags));
  for (;;) {
    const int error = endpoint_->take_error();
    if (error) return static_cast<Errno>(error);
    const bool is_over = is_shut(RUNTIME_KERNEL_FLAG_RECEIVE_SHUTDOWN);
    RuntimeDatagramRecord header;
    const size_t room = message.data.remaining();
    Result<bool> found =
        endpoint_->take_datagram(&header, message.data, (message.flags & kMessagePeek) != 0);
    if (found.is_error()) return found.error();
    if (found.value()) {
      InternetAddress sender = internet_address_v6(header.remote_address);
      sender.port = header.remote_port;
      sender.scope = header.remote_scope;
      message.address = sender.to_socket_address(family());
      write_control(header, message);
      const size_t copied = room - message.data.remaining();
      if (copied < header.length || (header.flags & RUNTIME_DATAGRAM_TRUNCATED)) {
        message.result_flags |= kMessageTruncated;
      }
      return message.flags & kMessageTruncated ? size_t{header.length} : copied;
    }
    if (is_over) return static_cast<size_t>(0);
    if (patience.non_blocking) return Errno::Again;
    const WaitResult waited = endpoint_->ready_queue().wait(
        [this] {
          return endpoint_->has_datagram() || endpoint_->pending_error() ||
                 is_shut(RUNTIME_KERNEL_FLAG_RECEIVE_SHUTDOWN);
        },
        patience.deadline);
    if (waited == WaitResult::TimedOut) return Errno::Again;
    if (waited == WaitResult::Interrupted) return patience.interrupted;
  }
}

/// The control messages that the app asked for by options: ip(7), ipv6(7).
void InternetDatagram::write_control(const RuntimeDatagramRecord& header,
                                     IncomingMessage& message) {
  const InternetAddress local = internet_address_v6(header.local_address);
  const bool has_local = !is_zero(header.local_address);
  if (local.is_v4()) {
    if (options_.value(kLevelIp, kIpPacketInfo) && has_local) {
      PacketInfoV4 info = {header.interface_index, {}, {}};
      memcpy(info.destination, local.bytes + 12, sizeof(info.destination));
      const bool is_own = !local.is_multicast() && !local.is_limited_broadcast();
      if (is_own) memcpy(info.local, info.destination, sizeof(info.local));
      message.add_control(kLevelIp, kIpPacketInfo, &info, sizeof(info));
    }
    const int ttl = static_cast<int>(header.hop_limit);
    if (options_.value(kLevelIp, kIpReceiveTtl)) {
      message.add_control(kLevelIp, kIpTtl, &ttl, sizeof(ttl));
    }
    const uint8_t tos = static_cast<uint8_t>(header.traffic_class);
    if (options_.value(kLevelIp, kIpReceiveTos)) {
      message.add_control(kLevelIp, kIpTos, &tos, sizeof(tos));
    }
  }
  if (!is_v6()) return;
  if (options_.value(kLevelIpv6, kIpv6ReceivePacketInfo)) {
    PacketInfoV6 info;
    memcpy(info.address, header.local_address, sizeof(info.address));
    info.interface = header.interface_index;
    message.add_control(kLevelIpv6, kIpv6PacketInfo, &info, sizeof(info));
  }
  if (local.is_v4()) return;
  const int hops = static_cast<int>(header.hop_limit);
  if (options_.value(kLevelIpv6, kIpv6ReceiveHopLimit)) {
    message.add_control(kLevelIpv6, kIpv6HopLimit, &hops, sizeof(hops));
  }
  const int traffic_class = static_cast<int>(header.traffic_class & 0xff);
  if (options_.value(kLevelIpv6, kIpv6ReceiveTrafficClass)) {
    message.add_control(kLevelIpv6, kIpv6TrafficClass, &traffic_class, sizeof(traffic_class));
  }
}

Result<void> InternetDatagram::shutdown(int how) {
  if (how < kShutRead || how > kShutBoth) return Errno::Invalid;
  endpoint_->set_kernel_flags((how != kShutWrite ? RUNTIME_KERNEL_FLAG_RECEIVE_SHUTDOWN : 0) |
                              (how != kShutRead ? RUNTIME_KERNEL_FLAG_SEND_SHUTDOWN : 0));
  if (endpoint_->is_announced()) endpoint_->call_service();
  endpoint_->ready_queue().wake_all();
  if (!is_connected()) return Errno::NotConnected;  // and shut all the same, as on Linux
  return {};
}

Result<void> InternetDatagram::peer_address(SocketAddress* address) {
  if (!is_connected()) return Errno::NotConnected;
  *address = endpoint_->peer_address().to_socket_address(family());
  return {};
}

uint32_t InternetDatagram::poll_events() {
  const bool receive_shut = is_shut(RUNTIME_KERNEL_FLAG_RECEIVE_SHUTDOWN);
  uint32_t events = 0;
  if (endpoint_->pending_error()) events |= kPollError;
  if (receive_shut) events |= kPollReadHangUp | kInternetReadable;
  if (receive_shut && is_shut(RUNTIME_KERNEL_FLAG_SEND_SHUTDOWN)) events |= kPollHangUp;
  if (endpoint_->has_datagram()) events |= kInternetReadable;
  if (endpoint_->is_writable()) events |= kInternetWritable | kWriteBand;
  return events;
}

void InternetDatagram::last_reference_gone() {
  endpoint_->close(false);
  InternetSocket::last_reference_gone();
}

}  // namespace runtime
