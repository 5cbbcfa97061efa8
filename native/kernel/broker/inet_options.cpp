#include "broker/inet_options.h"

#include <stddef.h>

#include "lib/types.h"

namespace runtime {

namespace {

constexpr uint8_t kS = kOptionStream;
constexpr uint8_t kD = kOptionDatagram;
constexpr uint8_t kBoth = kOptionStream | kOptionDatagram;
constexpr uint8_t kService = kOptionForService;
constexpr uint8_t kBool = kOptionBoolean;
constexpr uint8_t kRange = kOptionRange;
constexpr int kMost = INT32_MAX;

/// Numbers, bounds and first values as in Linux's tcp(7), ip(7), ipv6(7) and socket(7).
const NumberOption kOptions[] = {
    {1, kSocketReuseAddress, 0, 1, 0, kBoth | kBool},
    {1, kSocketBroadcast, 0, 1, 0, kBoth | kBool | kService},
    {1, kSocketKeepAlive, 0, 1, 0, kBoth | kBool | kService},
    {1, 11, 0, 1, 0, kBoth | kBool},   // SO_NO_CHECK
    {1, 12, 0, 6, 0, kBoth | kRange},  // SO_PRIORITY
    {1, kSocketReusePort, 0, 1, 0, kBoth | kBool},
    {6, 1, 0, 1, 0, kS | kBool | kService},  // TCP_NODELAY
    {6, kTcpMaximumSegment, 88, 32767, 536, kS | kRange | kService},
    {6, 3, 0, 1, 0, kS | kBool | kService},          // TCP_CORK
    {6, 4, 1, 32767, 7200, kS | kRange | kService},  // TCP_KEEPIDLE, seconds
    {6, 5, 1, 32767, 75, kS | kRange | kService},    // TCP_KEEPINTVL
    {6, 6, 1, 127, 9, kS | kRange | kService},       // TCP_KEEPCNT
    {6, 7, 1, 127, 6, kS | kRange | kService},       // TCP_SYNCNT
    {6, 8, -1, 120, 60, kS | kService},              // TCP_LINGER2, seconds
    {6, 9, 0, kMost, 0, kS},                         // TCP_DEFER_ACCEPT: a hint
    {6, 10, 0, kMost, 0, kS | kService},             // TCP_WINDOW_CLAMP
    {6, 12, 0, 1, 1, kS | kBool | kService},         // TCP_QUICKACK
    {6, 18, 0, kMost, 0, kS | kRange | kService},    // TCP_USER_TIMEOUT, milliseconds
    {6, 25, 0, kMost, -1, kS},                       // TCP_NOTSENT_LOWAT
    {0, kIpTos, 0, 255, 0, kBoth | kService},
    {0, kIpTtl, 1, 255, 64, kBoth | kRange | kService},
    {0, kIpPacketInfo, 0, 1, 0, kBoth | kBool},
    {0, 10, 0, 5, 1, kBoth | kRange | kService},  // IP_MTU_DISCOVER
    {0, 11, 0, 1, 0, kBoth | kBool},              // IP_RECVERR
    {0, kIpReceiveTtl, 0, 1, 0, kBoth | kBool},
    {0, kIpReceiveTos, 0, 1, 0, kBoth | kBool},
    {0, 15, 0, 1, 0, kBoth | kBool | kService},                   // IP_FREEBIND
    {0, 24, 0, 1, 0, kBoth | kBool},                              // IP_BIND_ADDRESS_NO_PORT
    {0, 33, 0, 255, 1, kD | kRange | kService},                   // IP_MULTICAST_TTL
    {0, 34, 0, 1, 1, kBoth | kBool | kService},                   // IP_MULTICAST_LOOP
    {0, 49, 0, 1, 1, kBoth | kBool | kService},                   // IP_MULTICAST_ALL
    {41, 16, 0, 255, 64, kBoth | kRange | kService | kOptionV6},  // IPV6_UNICAST_HOPS
    {41, 18, 0, 255, 1, kD | kRange | kService | kOptionV6},      // IPV6_MULTICAST_HOPS
    {41, 19, 0, 1, 1, kBoth | kBool | kService | kOptionV6},      // IPV6_MULTICAST_LOOP
    {41, 23, 0, 5, 1, kBoth | kRange | kService | kOptionV6},     // IPV6_MTU_DISCOVER
    {41, 25, 0, 1, 0, kBoth | kBool | kOptionV6},                 // IPV6_RECVERR
    {41, kIpv6Only, 0, 1, 0, kBoth | kBool | kOptionV6},
    {41, 29, 0, 1, 1, kBoth | kBool | kService | kOptionV6},  // IPV6_MULTICAST_ALL
    {41, kIpv6ReceivePacketInfo, 0, 1, 0, kBoth | kBool | kOptionV6},
    {41, kIpv6ReceiveHopLimit, 0, 1, 0, kBoth | kBool | kOptionV6},
    {41, 62, 0, 1, 0, kBoth | kBool | kService | kOptionV6},  // IPV6_DONTFRAG
    {41, kIpv6ReceiveTrafficClass, 0, 1, 0, kBoth | kBool | kOptionV6},
    {41, kIpv6TrafficClass, 0, 255, 0, kBoth | kRange | kService | kOptionV6},
    {41, 70, 0, 1, 1, kBoth | kBool | kOptionV6},  // IPV6_AUTOFLOWLABEL
};
static_assert(array_size(kOptions) <= kNumberOptions, "every option has a place");

/// -1 stands for the first value of these.
bool has_default(const NumberOption& option) {
  if (option.level == kLevelIp) return option.option == kIpTtl || option.option == 33;
  if (option.level != kLevelIpv6) return false;
  return option.option == 16 || option.option == 18 || option.option == kIpv6TrafficClass;
}

}  // namespace

InternetOptions::InternetOptions(bool is_stream, bool is_v6)
    : is_stream_(is_stream), is_v6_(is_v6) {
  for (size_t i = 0; i < array_size(kOptions); ++i) values_[i] = kOptions[i].initial;
}

const NumberOption* InternetOptions::find(int level, int option) const {
  for (const NumberOption& candidate : kOptions) {
    if (candidate.level != level || candidate.option != option) continue;
    if (!(candidate.kinds & (is_stream_ ? kOptionStream : kOptionDatagram))) return nullptr;
    if ((candidate.kinds & kOptionV6) && !is_v6_) return nullptr;
    return &candidate;
  }
  return nullptr;
}

int InternetOptions::value(const NumberOption* option) const { return values_[option - kOptions]; }

int InternetOptions::value(int level, int option) const {
  const NumberOption* found = find(level, option);
  return found ? value(found) : 0;
}

Result<int> InternetOptions::set(const NumberOption* option, int value) {
  if (option->kinds & kOptionBoolean) {
    value = value != 0;
  } else if (value == -1 && has_default(*option)) {
    value = option->initial;
  } else if (value < option->minimum || value > option->maximum) {
    if (option->kinds & kOptionRange) return Errno::Invalid;
    value = value < option->minimum ? option->minimum : option->maximum;
  }
  values_[option - kOptions] = value;
  return value;
}

void InternetOptions::inherit(const InternetOptions& other) {
  for (size_t i = 0; i < array_size(kOptions); ++i) values_[i] = other.values_[i];
}

}  // namespace runtime
