// Netlink messages: their format, and how replies are put together. netlink(7).
#pragma once

#include "lib/list.h"
#include "lib/string.h"
#include "lib/types.h"
#include "lib/vector.h"

namespace runtime {

constexpr size_t kNetlinkAlignment = 4;  // NLMSG_ALIGNTO, RTA_ALIGNTO

// Types of messages that every protocol has. Those below kNetlinkFirstType are for control.
constexpr uint16_t kNetlinkError = 2;
constexpr uint16_t kNetlinkDone = 3;
constexpr uint16_t kNetlinkFirstType = 0x10;

constexpr uint16_t kNetlinkRequest = 0x1;
constexpr uint16_t kNetlinkMultipart = 0x2;
constexpr uint16_t kNetlinkAcknowledge = 0x4;
constexpr uint16_t kNetlinkCapped = 0x100;  // in replies: the request is not repeated in full
constexpr uint16_t kNetlinkDump = 0x300;    // NLM_F_ROOT or NLM_F_MATCH

/// struct nlmsghdr.
struct NetlinkHeader {
  uint32_t length;  // with this header
  uint16_t type;
  uint16_t flags;
  uint32_t sequence;
  uint32_t port;
};
static_assert(sizeof(NetlinkHeader) == 16, "struct nlmsghdr is 16 bytes");

/// A message as it was received: its header is complete, its payload checked to be there.
struct NetlinkRequest {
  NetlinkHeader header;
  const uint8_t* payload;
  size_t payload_size;

  /// Copies the start of the payload into `target`. Returns false when the payload is shorter.
  template <typename T>
  bool read(T* target) const {
    if (payload_size < sizeof(T)) return false;
    memcpy(target, payload, sizeof(T));
    return true;
  }
};

/// What one recv(2) gives: one message, or several parts of an answer.
struct NetlinkDatagram {
  Vector<uint8_t> bytes;
  ListNode node;
};

/// The datagrams that answer a request. Memory that runs out is remembered, so that a message can
/// be put together without a check at each step; `status` tells in the end.
class NetlinkReplies {
 public:
  /// `port` is the asking socket's.
  explicit NetlinkReplies(uint32_t port) : port_(port) {}
  ~NetlinkReplies();
  NetlinkReplies(const NetlinkReplies&) = delete;
  NetlinkReplies& operator=(const NetlinkReplies&) = delete;

  /// Starts a message. One that is a part of several, as `flags` say, may share the datagram with
  /// the part before it.
  void begin(uint16_t type, uint16_t flags, uint32_t sequence);
  /// Adds bytes to the message, on the next aligned place.
  void put(const void* bytes, size_t size);
  template <typename T>
  void put(const T& value) {
    put(&value, sizeof(value));
  }
  /// Adds an attribute, struct rtattr.
  void put_attribute(uint16_t type, const void* value, size_t size);
  template <typename T>
  void put_attribute(uint16_t type, const T& value) {
    put_attribute(type, &value, sizeof(value));
  }
  /// Completes the message.
  void end();

  uint32_t port() const { return port_; }
  /// Errors: NoMemory, when a message could not be put together.
  Result<void> status() const { return status_; }
  /// Takes the oldest datagram, null when there is none. The caller deletes it.
  NetlinkDatagram* take() { return datagrams_.pop_front(); }
  /// Takes over what `other` holds, behind what is here.
  void append(NetlinkReplies* other);

 private:
  Result<void> place_message();
  void keep(const Result<void>& result);

  const uint32_t port_;
  Vector<uint8_t> message_;  // the one that is put together
  List<NetlinkDatagram, &NetlinkDatagram::node> datagrams_;
  Result<void> status_;
};

/// How a request ended: Dumped ones have their own end, NLMSG_DONE, and are not acknowledged.
enum class NetlinkOutcome { Handled, Dumped };

/// What a netlink protocol does with requests. An error is told to the asking socket in a
/// NLMSG_ERROR, and what was put into `replies` is then dropped.
using NetlinkHandler = Result<NetlinkOutcome> (*)(const NetlinkRequest& request,
                                                  NetlinkReplies* replies);

/// Works through what one send(2) brought: hands each request to `handler`, and answers failures
/// and wanted acknowledgements. As on Linux, a truncated message ends the work silently. A failed
/// request comes back with its error, in full unless `is_capped` (NETLINK_CAP_ACK).
void answer_netlink(const uint8_t* bytes, size_t size, NetlinkHandler handler, bool is_capped,
                    NetlinkReplies* replies);

/// NETLINK_ROUTE, rtnetlink(7): answers RTM_GETLINK and RTM_GETADDR out of the interface table.
/// Errors: NotSupported for other requests, Invalid, NoDevice, NoMemory.
Result<NetlinkOutcome> handle_route_request(const NetlinkRequest& request, NetlinkReplies* replies);

}  // namespace runtime
