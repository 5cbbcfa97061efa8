#include "linux/ipc/netlink_message.h"

namespace runtime {

namespace {

/// Parts share a datagram up to this size: glibc receives into a page, and gives up on more.
constexpr size_t kSharedDatagramSize = 4096;

/// struct rtattr.
struct AttributeHeader {
  uint16_t length;  // with this header
  uint16_t type;
};

/// NLMSG_ERROR: the error, 0 for an acknowledgement, and the request that it is about.
void put_error(const NetlinkRequest& request, int error, bool is_capped, NetlinkReplies* replies) {
  const bool is_whole = error != 0 && !is_capped;
  replies->begin(kNetlinkError, is_whole ? 0 : kNetlinkCapped, request.header.sequence);
  replies->put(-error);
  replies->put(request.header);
  if (is_whole) replies->put(request.payload, request.payload_size);
  replies->end();
}

/// Has one request handled, and acknowledged if that is wanted.
void answer_request(const NetlinkRequest& request, NetlinkHandler handler, bool is_capped,
                    NetlinkReplies* replies) {
  const uint16_t flags = request.header.flags;
  const bool is_for_protocol =
      (flags & kNetlinkRequest) != 0 && request.header.type >= kNetlinkFirstType;
  Errno error = Errno();
  if (is_for_protocol) {
    NetlinkReplies own(replies->port());
    Result<NetlinkOutcome> outcome = handler(request, &own);
    if (!outcome.is_error() && own.status().is_error()) outcome = own.status().error();
    if (outcome.is_error()) {
      error = outcome.error();
    } else {
      replies->append(&own);
      if (outcome.value() == NetlinkOutcome::Dumped) return;
    }
  }
  if (error != Errno() || (flags & kNetlinkAcknowledge) != 0) {
    put_error(request, static_cast<int>(error), is_capped, replies);
  }
}

}  // namespace

NetlinkReplies::~NetlinkReplies() {
  while (NetlinkDatagram* datagram = take()) delete datagram;
}

void NetlinkReplies::keep(const Result<void>& result) {
  if (result.is_error()) status_ = result;
}

void NetlinkReplies::begin(uint16_t type, uint16_t flags, uint32_t sequence) {
  message_.clear();
  put(NetlinkHeader{0, type, flags, sequence, port_});
}

void NetlinkReplies::put(const void* bytes, size_t size) {
  const size_t start = align_up(message_.size(), kNetlinkAlignment);
  Result<void> extended = message_.resize(start + size);  // new bytes are 0
  keep(extended);
  if (!extended.is_error() && size > 0) memcpy(message_.data() + start, bytes, size);
}

void NetlinkReplies::put_attribute(uint16_t type, const void* value, size_t size) {
  put(AttributeHeader{static_cast<uint16_t>(sizeof(AttributeHeader) + size), type});
  put(value, size);
  // Unlike a message, an attribute has its padding inside what is around it.
  keep(message_.resize(align_up(message_.size(), kNetlinkAlignment)));
}

void NetlinkReplies::end() {
  if (status_.is_error()) return;
  const uint32_t length = static_cast<uint32_t>(message_.size());
  memcpy(message_.data() + offsetof(NetlinkHeader, length), &length, sizeof(length));
  keep(place_message());
}

/// Moves the complete message into a datagram.
Result<void> NetlinkReplies::place_message() {
  NetlinkHeader header;
  memcpy(&header, message_.data(), sizeof(header));
  const size_t size = align_up(message_.size(), kNetlinkAlignment);
  NetlinkDatagram* datagram = (header.flags & kNetlinkMultipart) ? datagrams_.back() : nullptr;
  if (datagram && datagram->bytes.size() + size > kSharedDatagramSize) datagram = nullptr;
  if (!datagram) {
    datagram = new NetlinkDatagram();
    if (!datagram) return Errno::NoMemory;
    datagrams_.push_back(datagram);
  }
  const size_t start = datagram->bytes.size();
  Result<void> extended = datagram->bytes.resize(start + size);
  if (extended.is_error()) return extended;
  memcpy(datagram->bytes.data() + start, message_.data(), message_.size());
  return {};
}

void NetlinkReplies::append(NetlinkReplies* other) {
  while (NetlinkDatagram* datagram = other->take()) datagrams_.push_back(datagram);
  keep(other->status_);
}

void answer_netlink(const uint8_t* bytes, size_t size, NetlinkHandler handler, bool is_capped,
                    NetlinkReplies* replies) {
  while (size >= sizeof(NetlinkHeader)) {
    NetlinkRequest request;
    memcpy(&request.header, bytes, sizeof(request.header));
    const uint32_t length = request.header.length;
    if (length < sizeof(NetlinkHeader) || length > size) return;
    request.payload = bytes + sizeof(NetlinkHeader);
    request.payload_size = length - sizeof(NetlinkHeader);
    answer_request(request, handler, is_capped, replies);
    const size_t step = min_of(static_cast<size_t>(align_up(length, kNetlinkAlignment)), size);
    bytes += step;
    size -= step;
  }
}

}  // namespace runtime
