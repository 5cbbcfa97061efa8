// NETLINK_ROUTE: what interfaces and addresses there are. rtnetlink(7), linux/if_link.h,
// linux/if_addr.h.
#include "linux/ipc/netlink_interfaces.h"
#include "linux/ipc/netlink_message.h"

namespace runtime {

namespace {

constexpr uint16_t kNewLink = 16;  // RTM_NEWLINK
constexpr uint16_t kGetLink = 18;
constexpr uint16_t kNewAddress = 20;  // RTM_NEWADDR
constexpr uint16_t kGetAddress = 22;

/// struct ifinfomsg.
struct LinkMessage {
  uint8_t family;
  uint8_t padding;
  uint16_t hardware_type;
  int32_t index;
  uint32_t flags;
  uint32_t changed;
};

// Attributes of links, IFLA_*.
constexpr uint16_t kLinkAddress = 1;
constexpr uint16_t kLinkBroadcast = 2;
constexpr uint16_t kLinkName = 3;
constexpr uint16_t kLinkMtu = 4;
constexpr uint16_t kLinkQueueLength = 13;
constexpr uint16_t kLinkOperationState = 16;

// RFC 2863 states, IFLA_OPERSTATE.
constexpr uint8_t kStateUnknown = 0;
constexpr uint8_t kStateDown = 2;
constexpr uint8_t kStateUp = 6;

/// struct ifaddrmsg.
struct AddressMessage {
  uint8_t family;
  uint8_t prefix_length;
  uint8_t flags;
  uint8_t scope;
  uint32_t interface_index;
};

// Attributes of addresses, IFA_*.
constexpr uint16_t kAddressPeer = 1;  // IFA_ADDRESS: of the interface itself unless point-to-point
constexpr uint16_t kAddressLocal = 2;
constexpr uint16_t kAddressLabel = 3;
constexpr uint16_t kAddressBroadcast = 4;
constexpr uint16_t kAddressCache = 6;
constexpr uint16_t kAddressFlags = 8;

constexpr uint8_t kPermanentAddress = 0x80;  // IFA_F_PERMANENT
constexpr uint32_t kForever = UINT32_MAX;

/// struct ifa_cacheinfo: lifetimes in seconds, times of changes in hundredths of seconds.
struct AddressCache {
  uint32_t preferred;
  uint32_t valid;
  uint32_t created;
  uint32_t updated;
};

constexpr size_t kInternetSize = 4;
constexpr size_t kInternet6Size = 16;

uint8_t operation_state(const InterfaceRecord& record) {
  if (record.flags & kInterfaceLoopback) return kStateUnknown;  // as on Linux
  return (record.flags & kInterfaceRunning) ? kStateUp : kStateDown;
}

void put_link(const InterfaceRecord& record, uint16_t flags, uint32_t sequence,
              NetlinkReplies* replies) {
  replies->begin(kNewLink, flags, sequence);
  replies->put(
      LinkMessage{0, 0, record.hardware_type, static_cast<int32_t>(record.index), record.flags, 0});
  replies->put_attribute(kLinkName, record.name, strlen(record.name) + 1);
  replies->put_attribute(kLinkQueueLength, record.transmit_queue_length);
  replies->put_attribute(kLinkOperationState, operation_state(record));
  replies->put_attribute(kLinkMtu, record.mtu);
  replies->put_attribute(kLinkAddress, record.hardware_address);
  replies->put_attribute(kLinkBroadcast, record.hardware_broadcast);
  replies->end();
}

void put_address(const InterfaceAddress& address, const InterfaceRecord& link, uint32_t sequence,
                 NetlinkReplies* replies) {
  const bool is_internet = address.family == kFamilyInternet;
  replies->begin(kNewAddress, kNetlinkMultipart, sequence);
  replies->put(AddressMessage{address.family, address.prefix_length, kPermanentAddress,
                              address.scope, address.interface_index});
  replies->put_attribute(kAddressPeer, address.address,
                         is_internet ? kInternetSize : kInternet6Size);
  if (is_internet) {
    replies->put_attribute(kAddressLocal, address.address, kInternetSize);
    if (address.has_broadcast) replies->put_attribute(kAddressBroadcast, address.broadcast);
    replies->put_attribute(kAddressLabel, link.name, strlen(link.name) + 1);
  }
  replies->put_attribute(kAddressFlags, uint32_t{kPermanentAddress});
  replies->put_attribute(kAddressCache, AddressCache{kForever, kForever, 0, 0});
  replies->end();
}

/// NLMSG_DONE: the end of a dump, and that it had no error.
void put_done(uint32_t sequence, NetlinkReplies* replies) {
  replies->begin(kNetlinkDone, kNetlinkMultipart, sequence);
  replies->put(int32_t{0});
  replies->end();
}

void dump_links(const InterfaceTable& table, uint32_t sequence, NetlinkReplies* replies) {
  for (const InterfaceRecord& record : table.interfaces) {
    put_link(record, kNetlinkMultipart, sequence, replies);
  }
}

/// The addresses of one family, in the order of the table.
void dump_addresses(const InterfaceTable& table, uint8_t family, uint32_t sequence,
                    NetlinkReplies* replies) {
  for (const InterfaceAddress& address : table.addresses) {
    if (address.family != family) continue;
    const InterfaceRecord* link = table.find(address.interface_index, "");
    if (link) put_address(address, *link, sequence, replies);
  }
}

Result<NetlinkOutcome> dump(const NetlinkRequest& request, uint8_t family,
                            NetlinkReplies* replies) {
  InterfaceTable table;
  Result<void> loaded = load_interfaces(&table);
  if (loaded.is_error()) return loaded.error();
  const uint32_t sequence = request.header.sequence;
  if (request.header.type == kGetLink) {
    dump_links(table, sequence, replies);
  } else {
    // A family without addresses of this kind means all of them, as on Linux.
    if (family != kFamilyInternet6) dump_addresses(table, kFamilyInternet, sequence, replies);
    if (family != kFamilyInternet) dump_addresses(table, kFamilyInternet6, sequence, replies);
  }
  put_done(sequence, replies);
  return NetlinkOutcome::Dumped;
}

/// Finds the attribute `type` behind the family's own header. Returns its bytes, null without it.
const uint8_t* find_attribute(const NetlinkRequest& request, size_t start, uint16_t type,
                              size_t* size) {
  struct {
    uint16_t length;
    uint16_t type;
  } header;
  while (start < request.payload_size && request.payload_size - start >= sizeof(header)) {
    memcpy(&header, request.payload + start, sizeof(header));
    if (header.length < sizeof(header) || header.length > request.payload_size - start) break;
    *size = header.length - sizeof(header);
    if (header.type == type) return request.payload + start + sizeof(header);
    start += align_up(header.length, kNetlinkAlignment);
  }
  return nullptr;
}

/// RTM_GETLINK for one interface, by its index or its name.
Result<NetlinkOutcome> get_link(const NetlinkRequest& request, NetlinkReplies* replies) {
  LinkMessage wanted;
  if (!request.read(&wanted)) return Errno::Invalid;
  InterfaceRecord named;
  if (wanted.index <= 0) {
    size_t size = 0;
    const uint8_t* name = find_attribute(request, sizeof(wanted), kLinkName, &size);
    if (!name) return Errno::Invalid;
    while (size > 0 && name[size - 1] == 0) --size;
    if (size >= sizeof(named.name)) return Errno::Range;
    memcpy(named.name, name, size);
    wanted.index = 0;
  }
  InterfaceTable table;
  Result<void> loaded = load_interfaces(&table);
  if (loaded.is_error()) return loaded.error();
  const InterfaceRecord* found = table.find(static_cast<uint32_t>(wanted.index), named.name);
  if (!found) return Errno::NoDevice;
  put_link(*found, 0, request.header.sequence, replies);
  return NetlinkOutcome::Handled;
}

}  // namespace

Result<NetlinkOutcome> handle_route_request(const NetlinkRequest& request,
                                            NetlinkReplies* replies) {
  const uint16_t type = request.header.type;
  uint8_t family = 0;
  if (type != kGetLink && type != kGetAddress) return Errno::NotSupported;
  if (!request.read(&family))
    return NetlinkOutcome::Handled;  // Linux asks for one byte, or nothing
  if (request.header.flags & kNetlinkDump) return dump(request, family, replies);
  if (type == kGetLink) return get_link(request, replies);
  return Errno::NotSupported;
}

}  // namespace runtime
