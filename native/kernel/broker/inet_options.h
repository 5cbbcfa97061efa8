// The options of Internet sockets that are numbers: which there are, what they may be, who needs to know.
#pragma once

#include <stdint.h>

#include "lib/result.h"

namespace runtime {

constexpr int kLevelSocket = 1;  // SOL_SOCKET
constexpr int kLevelIp = 0;
constexpr int kLevelTcp = 6;
constexpr int kLevelIpv6 = 41;

// Those that this folder acts on itself. asm-generic/socket.h, linux/in.h, linux/in6.h, linux/tcp.h.
constexpr int kSocketReuseAddress = 2;
constexpr int kSocketBroadcast = 6;
constexpr int kSocketKeepAlive = 9;
constexpr int kSocketLinger = 13;
constexpr int kSocketReusePort = 15;
constexpr int kSocketSendBufferForce = 32;
constexpr int kSocketReceiveBufferForce = 33;
constexpr int kTcpInfo = 11;
constexpr int kTcpMaximumSegment = 2;
constexpr int kTcpCongestion = 13;
constexpr int kIpPacketInfo = 8;
constexpr int kIpTtl = 2;
constexpr int kIpTos = 1;
constexpr int kIpReceiveTtl = 12;
constexpr int kIpReceiveTos = 13;
constexpr int kIpMtu = 14;
constexpr int kIpMulticastInterface = 32;
constexpr int kIpJoinGroup = 35;   // IP_ADD_MEMBERSHIP
constexpr int kIpLeaveGroup = 36;  // IP_DROP_MEMBERSHIP
constexpr int kIpUnblockSource = 37;
constexpr int kIpBlockSource = 38;
constexpr int kIpJoinSource = 39;   // IP_ADD_SOURCE_MEMBERSHIP
constexpr int kIpLeaveSource = 40;  // IP_DROP_SOURCE_MEMBERSHIP
constexpr int kIpv6MulticastInterface = 17;
constexpr int kIpv6JoinGroup = 20;   // IPV6_ADD_MEMBERSHIP
constexpr int kIpv6LeaveGroup = 21;  // IPV6_DROP_MEMBERSHIP
constexpr int kIpv6Mtu = 24;
constexpr int kIpv6Only = 26;
constexpr int kIpv6ReceivePacketInfo = 49;
constexpr int kIpv6PacketInfo = 50;
constexpr int kIpv6ReceiveHopLimit = 51;
constexpr int kIpv6HopLimit = 52;
constexpr int kIpv6ReceiveTrafficClass = 66;
constexpr int kIpv6TrafficClass = 67;
// Of both levels alike (RFC 3678, section 5).
constexpr int kGroupJoin = 42;  // MCAST_JOIN_GROUP
constexpr int kGroupBlockSource = 43;
constexpr int kGroupUnblockSource = 44;
constexpr int kGroupLeave = 45;
constexpr int kGroupJoinSource = 46;
constexpr int kGroupLeaveSource = 47;

/// One option that is a number.
struct NumberOption {
  int16_t level;
  int16_t option;
  int32_t minimum;
  int32_t maximum;
  int32_t initial;
  uint8_t kinds;  // kOption*
};

constexpr uint8_t kOptionStream = 1;    // TCP has it
constexpr uint8_t kOptionDatagram = 2;  // UDP and ICMP echo have it
constexpr uint8_t kOptionForService =
    4;  // the service acts on it; else the kernel does, or it is a hint
constexpr uint8_t kOptionBoolean = 8;  // everything but 0 becomes 1
constexpr uint8_t kOptionRange = 16;   // out of range: refused (EINVAL)
constexpr uint8_t kOptionV6 = 32;      // AF_INET6 only

constexpr uint32_t kNumberOptions = 48;  // at least as many as there are

/// Their values for one socket.
class InternetOptions {
 public:
  InternetOptions(bool is_stream, bool is_v6);

  /// The option, null when sockets of this kind have no such number.
  const NumberOption* find(int level, int option) const;
  int value(const NumberOption* option) const;
  int value(int level, int option) const;
  /// Checks and stores. Returns what is stored. Errors: Invalid.
  Result<int> set(const NumberOption* option, int value);
  /// What a connection takes over from its listener.
  void inherit(const InternetOptions& other);

 private:
  bool is_stream_;
  bool is_v6_;
  int values_[kNumberOptions];
};

}  // namespace runtime
