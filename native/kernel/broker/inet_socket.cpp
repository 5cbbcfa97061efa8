#include "broker/inet_socket.h"

#include "broker/table.h"

namespace runtime {

namespace {

constexpr uint32_t kUnsentBytesRequest = 0x894b;  // SIOCOUTQNSD

template <typename Kind, typename... Arguments>
Result<RefPtr<Socket>> make_socket(uint32_t endpoint_kind, int family, Arguments... arguments) {
  Result<RefPtr<Endpoint>> endpoint = create_endpoint(endpoint_kind, family);
  if (endpoint.is_error()) return endpoint.error();
  RefPtr<Kind> socket = RefPtr<Kind>::adopt(new Kind(arguments..., endpoint.value()));
  if (!socket) {
    retire_endpoint(endpoint.value().get());
    return Errno::NoMemory;
  }
  return RefPtr<Socket>(socket);
}

Result<RefPtr<Socket>> create(int family, int type, int protocol, int flags) {
  const int echo = family == kFamilyInternetV6 ? kProtocolIcmpV6 : kProtocolIcmp;
  if (type == kSocketStream) {
    if (protocol != 0 && protocol != kProtocolTcp) return Errno::ProtocolNotSupported;
    return make_socket<InternetStream>(RUNTIME_SOCKET_STREAM, family, flags);
  }
  if (type == kSocketDatagram) {
    if (protocol == echo) {
      return make_socket<InternetDatagram>(RUNTIME_SOCKET_PING, family, echo, flags);
    }
    if (protocol != 0 && protocol != kProtocolUdp) return Errno::ProtocolNotSupported;
    return make_socket<InternetDatagram>(RUNTIME_SOCKET_DATAGRAM, family, kProtocolUdp, flags);
  }
  return Errno::SocketTypeNotSupported;
}

}  // namespace

Result<RefPtr<Socket>> create_inet_socket_v4(int type, int protocol, int status_flags) {
  return create(kFamilyInternetV4, type, protocol, status_flags);
}

Result<RefPtr<Socket>> create_inet_socket_v6(int type, int protocol, int status_flags) {
  return create(kFamilyInternetV6, type, protocol, status_flags);
}

Result<void> InternetSocket::check_kind(const InternetAddress& address) const {
  if (is_v6() && address.is_v4() && options_.value(kLevelIpv6, kIpv6Only)) {
    return Errno::NetworkUnreachable;
  }
  return {};
}

uint32_t InternetSocket::bind_flags() const {
  return (options_.value(kLevelSocket, kSocketReuseAddress) ? RUNTIME_BIND_REUSE_ADDRESS : 0) |
         (options_.value(kLevelSocket, kSocketReusePort) ? RUNTIME_BIND_REUSE_PORT : 0) |
         (options_.value(kLevelIpv6, kIpv6Only) ? RUNTIME_BIND_V6_ONLY : 0);
}

Result<void> InternetSocket::bind(const SocketAddress& address) {
  SocketAddress given = address;
  if (!is_v6() && given.family() == kFamilyUnspecified && given.size >= sizeof(uint16_t)) {
    // As Linux: an old habit of programs, for the wildcard address only.
    const uint16_t family = kFamilyInternetV4;
    memcpy(given.bytes, &family, sizeof(family));
    Result<InternetAddress> wildcard = InternetAddress::parse(given, kFamilyInternetV4);
    if (wildcard.is_error()) return wildcard.error();
    if (!wildcard.value().is_any()) return Errno::AddressFamilyNotSupported;
  }
  Result<InternetAddress> parsed = InternetAddress::parse(given, family());
  if (parsed.is_error()) return parsed.error();
  const InternetAddress& name = parsed.value();
  if (is_v6() && name.is_v4() && options_.value(kLevelIpv6, kIpv6Only)) return Errno::Invalid;
  if (is_v6() && name.is_link_local() && name.scope == 0) return Errno::Invalid;
  if (endpoint_->is_bound()) return Errno::Invalid;
  Request request(RUNTIME_REQUEST_BIND);
  request.address = name;
  request.value0 = bind_flags();
  return endpoint_->request(request);
}

/// Binds to a port of the system's choice where the options matter for that.
Result<void> InternetSocket::bind_anywhere() {
  if (endpoint_->is_bound()) return {};
  Request request(RUNTIME_REQUEST_BIND);
  const uint8_t any_v4[4] = {};
  const uint8_t any_v6[16] = {};
  request.address = is_v6() ? internet_address_v6(any_v6) : internet_address_v4(any_v4);
  request.value0 = bind_flags();
  return endpoint_->request(request);
}

Result<void> InternetSocket::local_address(SocketAddress* address) {
  *address = endpoint_->local_address().to_socket_address(family());
  return {};
}

Result<uint64_t> InternetSocket::ioctl(uint32_t request, uint64_t argument) {
  if (request != kUnsentBytesRequest) return Socket::ioctl(request, argument);
  Result<void> copied = UserPtr<int>(argument).write(static_cast<int>(endpoint_->unsent_bytes()));
  if (copied.is_error()) return copied.error();
  return uint64_t{0};
}

}  // namespace runtime
