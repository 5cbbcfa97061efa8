#include "broker/inet_address.h"

namespace runtime {

namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr uint32_t kShortestV6 = 24;  // RFC 2133's sockaddr_in6, without the scope

/// struct sockaddr_in.
struct AddressV4 {
  uint16_t family;
  uint8_t port[2];
  uint8_t bytes[4];
  uint8_t padding[8];
};

/// struct sockaddr_in6.
struct AddressV6 {
  uint16_t family;
  uint8_t port[2];
  uint32_t flow;
  uint8_t bytes[16];
  uint32_t scope;
};

uint16_t from_network(const uint8_t (&bytes)[2]) {
  return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}

void to_network(uint16_t value, uint8_t (&bytes)[2]) {
  bytes[0] = static_cast<uint8_t>(value >> 8);
  bytes[1] = static_cast<uint8_t>(value);
}

bool is_zero(const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i]) return false;
  }
  return true;
}

}  // namespace

bool InternetAddress::is_v4() const {
  return memcmp(bytes, kMappedPrefix, sizeof(kMappedPrefix)) == 0;
}

bool InternetAddress::is_any() const {
  return is_v4() ? is_zero(bytes + 12, 4) : is_zero(bytes, 16);
}

bool InternetAddress::is_limited_broadcast() const {
  return is_v4() && (bytes[12] & bytes[13] & bytes[14] & bytes[15]) == 0xff;
}

void InternetAddress::wildcard_to_loopback() {
  if (!is_any()) return;
  if (is_v4()) bytes[12] = 127;
  bytes[15] = 1;
}

InternetAddress internet_address_v4(const uint8_t (&bytes)[4]) {
  InternetAddress address;
  address.family = kFamilyInternetV4;
  memcpy(address.bytes, kMappedPrefix, sizeof(kMappedPrefix));
  memcpy(address.bytes + sizeof(kMappedPrefix), bytes, sizeof(bytes));
  return address;
}

InternetAddress internet_address_v6(const uint8_t (&bytes)[16]) {
  InternetAddress address;
  memcpy(address.bytes, bytes, sizeof(bytes));
  address.family = address.is_v4() ? kFamilyInternetV4 : kFamilyInternetV6;
  return address;
}

Result<InternetAddress> InternetAddress::parse(const SocketAddress& source, int family,
                                               bool allow_v4) {
  if (source.size < sizeof(uint16_t)) return Errno::Invalid;
  const int given = source.family();
  const bool takes_v4 = family == kFamilyInternetV4 || (allow_v4 && given == kFamilyInternetV4);
  const size_t least = takes_v4 ? sizeof(AddressV4) : kShortestV6;
  if (source.size < least) return Errno::Invalid;
  if (given != (takes_v4 ? kFamilyInternetV4 : family)) return Errno::AddressFamilyNotSupported;
  if (takes_v4) {
    AddressV4 raw;
    memcpy(&raw, source.bytes, sizeof(raw));
    InternetAddress address = internet_address_v4(raw.bytes);
    address.port = from_network(raw.port);
    return address;
  }
  AddressV6 raw;
  memset(&raw, 0, sizeof(raw));
  memcpy(&raw, source.bytes, min_of<size_t>(source.size, sizeof(raw)));
  InternetAddress address = internet_address_v6(raw.bytes);
  address.port = from_network(raw.port);
  if (address.is_link_local() || address.is_multicast()) address.scope = raw.scope;
  return address;
}

SocketAddress InternetAddress::to_socket_address(int wanted) const {
  SocketAddress result;
  if (wanted == kFamilyInternetV4) {
    AddressV4 raw;
    memset(&raw, 0, sizeof(raw));
    raw.family = kFamilyInternetV4;
    to_network(port, raw.port);
    memcpy(raw.bytes, bytes + 12, sizeof(raw.bytes));
    memcpy(result.bytes, &raw, sizeof(raw));
    result.size = sizeof(raw);
    return result;
  }
  AddressV6 raw;
  memset(&raw, 0, sizeof(raw));
  raw.family = kFamilyInternetV6;
  to_network(port, raw.port);
  memcpy(raw.bytes, bytes, sizeof(raw.bytes));
  raw.scope = is_link_local() ? scope : 0;
  memcpy(result.bytes, &raw, sizeof(raw));
  result.size = sizeof(raw);
  return result;
}

}  // namespace runtime
