// Internet addresses between their three forms: sockaddr of the app, the shared block, and ours.
#pragma once

#include <shared_memory.h>

#include "linux/ipc/socket_message.h"

namespace runtime {

constexpr int kFamilyInternetV4 = 2;   // AF_INET
constexpr int kFamilyInternetV6 = 10;  // AF_INET6

/// An address with a port. IPv4 addresses are in the IPv4-mapped form ::ffff:a.b.c.d.
struct InternetAddress {
  uint16_t family = 0;  // kFamilyInternetV4 for mapped ones, else kFamilyInternetV6; 0: none
  uint16_t port = 0;    // host byte order
  uint32_t scope = 0;   // interface index, of link-local addresses
  uint8_t bytes[16] = {};

  bool is_v4() const;
  /// 0.0.0.0 or ::
  bool is_any() const;
  bool is_link_local() const { return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }
  bool is_multicast() const { return is_v4() ? (bytes[12] & 0xf0) == 0xe0 : bytes[0] == 0xff; }
  /// 255.255.255.255
  bool is_limited_broadcast() const;
  /// 127.0.0.1 or ::1 in the place of the wildcard address, as connect(2) takes it.
  void wildcard_to_loopback();

  /// Reads a sockaddr_in or sockaddr_in6 (ip(7), ipv6(7)) for a socket of `family`, which takes its
  /// own kind, and with `allow_v4` sockaddr_in also as AF_INET6. Errors: Invalid (too short),
  /// AddressFamilyNotSupported.
  static Result<InternetAddress> parse(const SocketAddress& address, int family,
                                       bool allow_v4 = false);
  /// As getsockname(2) and the like give it, in the form that a socket of `family` has.
  SocketAddress to_socket_address(int family) const;
};

/// struct in_addr or in6_addr of the app to ours.
InternetAddress internet_address_v4(const uint8_t (&bytes)[4]);
InternetAddress internet_address_v6(const uint8_t (&bytes)[16]);

}  // namespace runtime
