// setsockopt(2) and getsockopt(2) of Internet sockets. Numbers are kept here and told to the service,
// which need not answer; memberships and what only the service knows are requests.
#include "broker/inet_socket.h"

namespace runtime {

namespace {

constexpr size_t kCongestionName = 16;              // TCP_CA_NAME_MAX
constexpr uint32_t kDefaultSendBuffer = 16384;      // net.ipv4.tcp_wmem[1]
constexpr uint32_t kDefaultReceiveBuffer = 131072;  // net.ipv4.tcp_rmem[1]

/// Sizes of the values of options that are no numbers, 0: not such an option.
uint32_t membership_size(int level, int option) {
  if (level == kLevelIp) {
    switch (option) {
      case 35:  // IP_ADD_MEMBERSHIP: struct ip_mreq, or ip_mreqn
      case 36:  // IP_DROP_MEMBERSHIP
        return 8;
      case 37:  // IP_UNBLOCK_SOURCE: struct ip_mreq_source
      case 38:  // IP_BLOCK_SOURCE
      case 39:  // IP_ADD_SOURCE_MEMBERSHIP
      case 40:  // IP_DROP_SOURCE_MEMBERSHIP
        return 12;
      case kIpMulticastInterface:  // struct in_addr, ip_mreq or ip_mreqn
        return 4;
    }
  }
  if (level == kLevelIpv6) {
    switch (option) {
      case 20:  // IPV6_JOIN_GROUP: struct ipv6_mreq
      case 21:  // IPV6_LEAVE_GROUP
        return 20;
      case kIpv6MulticastInterface:
        return 4;
    }
  }
  if (level == kLevelIp || level == kLevelIpv6) {
    switch (option) {
      case 42:  // MCAST_JOIN_GROUP: struct group_req
      case 45:  // MCAST_LEAVE_GROUP
        return 136;
      case 43:  // MCAST_BLOCK_SOURCE: struct group_source_req
      case 44:  // MCAST_UNBLOCK_SOURCE
      case 46:  // MCAST_JOIN_SOURCE_GROUP
      case 47:  // MCAST_LEAVE_SOURCE_GROUP
        return 264;
    }
  }
  return 0;
}

}  // namespace

InternetSocket::InternetSocket(int type, int protocol, int status_flags, RefPtr<Endpoint> endpoint)
    : Socket(endpoint->family(), type, protocol, status_flags),
      endpoint_(move(endpoint)),
      options_(type == kSocketStream, family() == kFamilyInternetV6) {
  if (type == kSocketStream) set_default_buffers(kDefaultSendBuffer, kDefaultReceiveBuffer);
}

void InternetSocket::send_buffer_changed(uint32_t size) {
  chosen_send_buffer_ = size;
  endpoint_->set_buffers(chosen_send_buffer_, chosen_receive_buffer_);
  if (endpoint_->is_announced()) endpoint_->call_service();
}

void InternetSocket::receive_buffer_changed(uint32_t size) {
  chosen_receive_buffer_ = size;
  endpoint_->set_buffers(chosen_send_buffer_, chosen_receive_buffer_);
  if (endpoint_->is_announced()) endpoint_->call_service();
}

Result<void> InternetSocket::set_number(const NumberOption* option, int value) {
  if (option->level == kLevelIpv6 && option->option == kIpv6Only && endpoint_->is_bound()) {
    return Errno::Invalid;
  }
  const int before = options_.value(option);
  Result<int> stored = options_.set(option, value);
  if (stored.is_error()) return stored.error();
  // TCP_QUICKACK is an order more than a state: each time counts.
  const bool is_order = option->level == kLevelTcp && option->option == 12;
  if (!(option->kinds & kOptionForService) || (stored.value() == before && !is_order)) return {};
  const int number = stored.value();
  return endpoint_->post_option(
      Request::set_option(option->level, option->option, &number, sizeof(number)));
}

Result<void> InternetSocket::set_option(int level, int option, UserPtr<void> value, uint32_t size) {
  if (static_cast<int32_t>(size) < 0) return Errno::Invalid;
  if (level != kLevelSocket) return set_family_option(level, option, value, size);
  const NumberOption* number = options_.find(level, option);
  const bool is_forced = option == kSocketSendBufferForce || option == kSocketReceiveBufferForce;
  if (!number && !is_forced) return Socket::set_option(level, option, value, size);
  if (size < sizeof(int)) return Errno::Invalid;
  if (is_forced) return Errno::Perm;  // memory that peers can fill has a bound for everybody
  Result<int> wanted = value.cast<int>().read();
  if (wanted.is_error()) return wanted.error();
  return set_number(number, wanted.value());
}

Result<void> InternetSocket::get_option(int level, int option, UserPtr<void> value,
                                        UserPtr<uint32_t> size) {
  const NumberOption* number = level == kLevelSocket ? options_.find(level, option) : nullptr;
  if (!number) return Socket::get_option(level, option, value, size);
  const int stored = options_.value(number);
  return put_value(value, size, &stored, sizeof(stored));
}

Result<void> InternetSocket::set_family_option(int level, int option, UserPtr<void> value,
                                               uint32_t size) {
  if (level == kLevelTcp && type() == kSocketStream && option == kTcpCongestion) {
    return set_congestion(value, size);
  }
  const NumberOption* number = options_.find(level, option);
  if (!number) return set_membership(level, option, value, size);
  int wanted = 0;
  if (size >= sizeof(int)) {
    Result<int> read = value.cast<int>().read();
    if (read.is_error()) return read.error();
    wanted = read.value();
  } else if (level == kLevelIp && size >= 1) {
    Result<uint8_t> read = value.cast<uint8_t>().read();  // ip(7) takes single bytes, too
    if (read.is_error()) return read.error();
    wanted = read.value();
  } else if (level != kLevelIp) {
    return Errno::Invalid;
  }
  return set_number(number, wanted);
}

Result<void> InternetSocket::set_membership(int level, int option, UserPtr<void> value,
                                            uint32_t size) {
  const uint32_t least = membership_size(level, option);
  if (least == 0 || (level == kLevelIpv6 && !is_v6())) return Errno::NoProtocolOption;
  const bool is_interface = (level == kLevelIp && option == kIpMulticastInterface) ||
                            (level == kLevelIpv6 && option == kIpv6MulticastInterface);
  // Connections have no groups, as on Linux.
  if (type() == kSocketStream) return is_interface ? Errno::NoProtocolOption : Errno::ProtocolType;
  if (size < least) return Errno::Invalid;
  Request request = Request::option(RUNTIME_REQUEST_SET_OPTION, level, option);
  request.length = min_of(size, level == kLevelIp && least < 12 ? 12u : least);
  // struct ip_mreq is two words, ip_mreqn three: nothing has a length in between.
  if (level == kLevelIp && least < 12) request.length = align_down(request.length, 4);
  Result<void> copied = copy_from_user(request.data, value.address(), request.length);
  if (copied.is_error()) return copied;
  return endpoint_->request(request);
}

Result<void> InternetSocket::set_congestion(UserPtr<void> value, uint32_t size) {
  if (size < 1) return Errno::Invalid;
  char name[kCongestionName] = {};
  const uint32_t length = min_of<uint32_t>(size, kCongestionName - 1);
  Result<void> copied = copy_from_user(name, value.address(), length);
  if (copied.is_error()) return copied;
  Request request =
      Request::set_option(kLevelTcp, kTcpCongestion, name, static_cast<uint32_t>(strlen(name)));
  return endpoint_->request(request);
}

Result<void> InternetSocket::get_family_option(int level, int option, UserPtr<void> value,
                                               UserPtr<uint32_t> size) {
  const NumberOption* number = options_.find(level, option);
  const bool is_segment = level == kLevelTcp && option == kTcpMaximumSegment;
  const bool is_connected = endpoint_->has_flag(RUNTIME_SERVICE_FLAG_CONNECTED);
  if (number && !(is_segment && is_connected)) {
    const int stored = options_.value(number);
    Result<uint32_t> capacity = size.read();
    if (capacity.is_error()) return capacity.error();
    if (level == kLevelIp && capacity.value() > 0 && capacity.value() < sizeof(int) &&
        stored >= 0 && stored <= UINT8_MAX) {
      const uint8_t byte = static_cast<uint8_t>(stored);
      return put_value(value, size, &byte, sizeof(byte));
    }
    return put_value(value, size, &stored, sizeof(stored));
  }
  const bool is_stream = type() == kSocketStream;
  const bool is_mtu = (level == kLevelIp && option == kIpMtu) ||
                      (level == kLevelIpv6 && option == kIpv6Mtu && is_v6());
  const bool is_tcp = level == kLevelTcp && is_stream &&
                      (option == kTcpInfo || option == kTcpCongestion || is_segment);
  const bool is_interface =
      !is_stream && ((level == kLevelIp && option == kIpMulticastInterface) ||
                     (level == kLevelIpv6 && option == kIpv6MulticastInterface && is_v6()));
  if (!is_mtu && !is_tcp && !is_interface) {
    const bool is_own_level = level == kLevelIp || is_v6() || (level == kLevelTcp && is_stream);
    return is_own_level ? Errno::NoProtocolOption : Errno::NotSupported;  // as Linux tells it
  }
  if (is_mtu && !is_connected) return Errno::NotConnected;
  Request request = Request::option(RUNTIME_REQUEST_GET_OPTION, level, option);
  Result<void> asked = endpoint_->request(request);
  if (asked.is_error()) return asked;
  return put_value(value, size, request.data, request.length);
}

}  // namespace runtime
