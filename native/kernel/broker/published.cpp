#include "broker/published.h"

#include <shared_memory.h>

#include "broker/broker.h"
#include "lib/format.h"
#include "linux/fs/published.h"
#include "linux/fs/text.h"
#include "linux/ipc/netlink_interfaces.h"
#include "sync/mutex.h"

namespace runtime {

namespace {

constexpr size_t kMostInterfaces = 64;
constexpr size_t kMostAddresses = 256;  // of one interface
constexpr uint64_t kLongestWait = 15 * kNanosecondsPerSecond;

struct Interfaces {
  Mutex mutex{MutexRank::BrokerPublished};
  InterfaceTable table;  // mutex
};
Interfaces& interfaces() {
  static Interfaces instance;
  return instance;
}

Result<void> copy_table(const InterfaceTable& from, InterfaceTable* to) {
  for (const InterfaceRecord& record : from.interfaces) {
    Result<void> pushed = to->interfaces.push(record);
    if (pushed.is_error()) return pushed;
  }
  for (const InterfaceAddress& address : from.addresses) {
    Result<void> pushed = to->addresses.push(address);
    if (pushed.is_error()) return pushed;
  }
  return {};
}

Result<void> provide(InterfaceTable* table) {
  Interfaces& all = interfaces();
  MutexGuard guard(all.mutex);
  return copy_table(all.table, table);
}

/// Takes structures off the front of what was published.
class Reader {
 public:
  Reader(const uint8_t* bytes, size_t size) : bytes_(bytes), size_(size) {}
  bool is_at_end() const { return size_ == 0; }
  template <typename T>
  bool take(T* value) {
    if (size_ < sizeof(T)) return false;
    memcpy(value, bytes_, sizeof(T));
    bytes_ += sizeof(T);
    size_ -= sizeof(T);
    return true;
  }

 private:
  const uint8_t* bytes_;
  size_t size_;
};

InterfaceRecord to_record(const RuntimePublishedInterface& given) {
  InterfaceRecord record;
  record.index = given.index;
  record.flags = given.flags;
  record.mtu = given.mtu;
  record.hardware_type = static_cast<uint16_t>(given.hardware_type);
  memcpy(record.name, given.name, sizeof(record.name));
  record.name[sizeof(record.name) - 1] = 0;
  memcpy(record.hardware_address, given.hardware_address, sizeof(record.hardware_address));
  if (record.flags & kInterfaceBroadcast) {
    memset(record.hardware_broadcast, 0xff, sizeof(record.hardware_broadcast));
  }
  return record;
}

InterfaceAddress to_address(const RuntimePublishedAddress& given, const InterfaceRecord& record) {
  InterfaceAddress address;
  address.interface_index = record.index;
  address.family = static_cast<uint8_t>(given.family);
  address.prefix_length = static_cast<uint8_t>(given.prefix_length);
  address.scope = static_cast<uint8_t>(given.scope);
  memcpy(address.address, given.address, sizeof(address.address));
  const bool is_v4 = address.family == kFamilyInternet;
  if (is_v4 && (record.flags & kInterfaceBroadcast) && address.prefix_length < 31) {
    address.has_broadcast = true;
    for (unsigned bit = 0; bit < 32; ++bit) {
      const uint8_t mask = static_cast<uint8_t>(0x80 >> bit % 8);
      const bool is_host = bit >= address.prefix_length;
      const bool is_set = is_host || (address.address[bit / 8] & mask);
      if (is_set)
        address.broadcast[bit / 8] = static_cast<uint8_t>(address.broadcast[bit / 8] | mask);
    }
  }
  return address;
}

/// Returns what is wrong, or null.
const char* parse(Reader reader, InterfaceTable* table) {
  while (!reader.is_at_end()) {
    RuntimePublishedInterface given;
    if (!reader.take(&given)) return "it ends within an interface";
    if (table->interfaces.size() == kMostInterfaces) return "there are more than 64 interfaces";
    if (given.index == 0 || given.index > INT32_MAX) return "an interface has no index";
    if (given.name[0] == 0) return "an interface has no name";
    if (given.address_count > kMostAddresses) return "an interface has more than 256 addresses";
    const InterfaceRecord record = to_record(given);
    if (table->find(record.index, "")) return "two interfaces have the same index";
    if (table->interfaces.push(record).is_error()) return "there is no memory for it";
    for (uint32_t i = 0; i < given.address_count; ++i) {
      RuntimePublishedAddress address;
      if (!reader.take(&address)) return "it ends within an address";
      const bool is_v4 = address.family == kFamilyInternet;
      if (!is_v4 && address.family != kFamilyInternet6) return "an address has an unknown family";
      if (address.prefix_length > (is_v4 ? 32 : 128)) return "a prefix is too long";
      if (table->addresses.push(to_address(address, record)).is_error()) {
        return "there is no memory for it";
      }
    }
  }
  return nullptr;
}

/// /proc/net/if_inet6: address, index, prefix length, scope and flags, each in hexadecimal, and the name.
void publish_addresses_v6(const InterfaceTable& table) {
  TextWriter text;
  for (const InterfaceAddress& address : table.addresses) {
    if (address.family != kFamilyInternet6) continue;
    for (const uint8_t byte : address.address) text.print("%02x", static_cast<unsigned>(byte));
    // There the scopes are those of ipv6_addr_type(): 0x10 host, 0x20 link, 0 global.
    const unsigned scope = address.scope == kScopeHost   ? 0x10
                           : address.scope == kScopeLink ? 0x20
                                                         : 0;
    const InterfaceRecord* record = table.find(address.interface_index, "");
    text.print(" %02x %02x %02x %02x %8s\n", address.interface_index,
               static_cast<unsigned>(address.prefix_length), scope, 0x80u, record->name);
  }
  if (!text.is_out_of_memory()) (void)publish_file("net/if_inet6", text.view()).is_error();
}

}  // namespace

void publish_initialise() {
  set_interface_provider(provide);
  expect_publication(kLongestWait);
}

void release_file_waiters() { release_publication(); }

void broker_publish_interfaces(const uint8_t* bytes, size_t length) {
  InterfaceTable fresh;
  const char* problem = parse(Reader(bytes, length), &fresh);
  if (problem) {
    log(LogLevel::Warn, "the network service published interfaces that make no sense: %s", problem);
    return;
  }
  publish_addresses_v6(fresh);
  Interfaces& all = interfaces();
  MutexGuard guard(all.mutex);
  swap_values(all.table.interfaces, fresh.interfaces);
  swap_values(all.table.addresses, fresh.addresses);
}

int32_t broker_publish_file(const char* name, size_t name_length, const char* text, size_t length) {
  Result<void> published = publish_file(StringView(name, name_length), StringView(text, length));
  return published.is_error() ? -static_cast<int32_t>(published.error()) : 0;
}

}  // namespace runtime
