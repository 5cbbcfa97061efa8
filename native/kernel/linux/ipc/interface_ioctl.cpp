#include "linux/ipc/interface_ioctl.h"

#include "lib/string.h"
#include "linux/ipc/netlink_interfaces.h"
#include "memory/user.h"

namespace runtime {

namespace {

// linux/sockios.h
constexpr uint32_t kGetName = 0x8910;
constexpr uint32_t kGetList = 0x8912;
constexpr uint32_t kGetFlags = 0x8913;
constexpr uint32_t kGetAddress = 0x8915;
constexpr uint32_t kGetBroadcast = 0x8919;
constexpr uint32_t kGetMask = 0x891b;
constexpr uint32_t kGetMetric = 0x891d;
constexpr uint32_t kGetMtu = 0x8921;
constexpr uint32_t kGetHardware = 0x8927;
constexpr uint32_t kGetIndex = 0x8933;
constexpr uint32_t kGetQueueLength = 0x8942;

/// struct ifreq.
struct InterfaceRequest {
  char name[16];
  union {
    uint8_t bytes[24];
    int32_t number;
    int16_t flags;
    struct {
      uint16_t family;
      uint8_t data[14];
    } address;
  };
};
static_assert(sizeof(InterfaceRequest) == 40, "struct ifreq is 40 bytes");

/// struct ifconf.
struct InterfaceList {
  int32_t size;
  uint32_t padding;
  uint64_t buffer;
};

void put_v4(InterfaceRequest* request, const uint8_t* bytes) {
  memset(request->bytes, 0, sizeof(request->bytes));
  request->address.family = kFamilyInternet;
  memcpy(request->address.data + 2, bytes, 4);  // behind the port
}

const InterfaceAddress* first_v4(const InterfaceTable& table, uint32_t index) {
  for (const InterfaceAddress& address : table.addresses) {
    if (address.interface_index == index && address.family == kFamilyInternet) return &address;
  }
  return nullptr;
}

Result<uint64_t> list(const InterfaceTable& table, uint64_t argument) {
  UserPtr<InterfaceList> target(argument);
  Result<InterfaceList> wanted = target.read();
  if (wanted.is_error()) return wanted.error();
  InterfaceList result = wanted.value();
  const size_t room = result.buffer && result.size > 0
                          ? static_cast<size_t>(result.size) / sizeof(InterfaceRequest)
                          : 0;
  size_t count = 0;
  for (const InterfaceAddress& address : table.addresses) {
    const InterfaceRecord* record = table.find(address.interface_index, "");
    if (address.family != kFamilyInternet || !record) continue;
    if (result.buffer && count == room) break;
    if (result.buffer) {
      InterfaceRequest entry;
      memset(&entry, 0, sizeof(entry));
      memcpy(entry.name, record->name, sizeof(entry.name));
      put_v4(&entry, address.address);
      Result<void> copied = UserPtr<InterfaceRequest>(result.buffer).offset(count).write(entry);
      if (copied.is_error()) return copied.error();
    }
    ++count;
  }
  result.size = static_cast<int32_t>(count * sizeof(InterfaceRequest));
  Result<void> copied = target.write(result);
  if (copied.is_error()) return copied.error();
  return uint64_t{0};
}

/// Fills in what `request` asks of one interface. Errors: AddressNotAvailable, NotTerminal.
Result<void> answer(const InterfaceTable& table, const InterfaceRecord& record, uint32_t request,
                    InterfaceRequest* result) {
  memset(result->bytes, 0, sizeof(result->bytes));
  const InterfaceAddress* address = first_v4(table, record.index);
  switch (request) {
    case kGetName:
      memcpy(result->name, record.name, sizeof(result->name));
      result->number = static_cast<int32_t>(record.index);
      return {};
    case kGetIndex:
      result->number = static_cast<int32_t>(record.index);
      return {};
    case kGetFlags:
      result->flags = static_cast<int16_t>(record.flags);
      return {};
    case kGetMtu:
      result->number = static_cast<int32_t>(record.mtu);
      return {};
    case kGetMetric:
      return {};
    case kGetQueueLength:
      result->number = static_cast<int32_t>(record.transmit_queue_length);
      return {};
    case kGetHardware:
      result->address.family = record.hardware_type;
      memcpy(result->address.data, record.hardware_address, sizeof(record.hardware_address));
      return {};
    case kGetAddress:
      if (!address) return Errno::AddressNotAvailable;
      put_v4(result, address->address);
      return {};
    case kGetBroadcast:
      if (!address) return Errno::AddressNotAvailable;
      put_v4(result, address->broadcast);
      return {};
    case kGetMask: {
      if (!address) return Errno::AddressNotAvailable;
      uint8_t mask[4] = {};
      for (unsigned bit = 0; bit < address->prefix_length && bit < 32; ++bit) {
        mask[bit / 8] = static_cast<uint8_t>(mask[bit / 8] | 0x80 >> bit % 8);
      }
      put_v4(result, mask);
      return {};
    }
    default:
      return Errno::NotTerminal;
  }
}

}  // namespace

Result<uint64_t> interface_ioctl(uint32_t request, uint64_t argument) {
  constexpr uint32_t kFirst = 0x8910, kLast = 0x8970;
  if (request < kFirst || request > kLast) return Errno::NotTerminal;
  InterfaceTable table;
  Result<void> loaded = load_interfaces(&table);
  if (loaded.is_error()) return loaded.error();
  if (request == kGetList) return list(table, argument);
  UserPtr<InterfaceRequest> target(argument);
  Result<InterfaceRequest> wanted = target.read();
  if (wanted.is_error()) return wanted.error();
  InterfaceRequest& result = wanted.value();
  result.name[sizeof(result.name) - 1] = 0;
  const bool by_index = request == kGetName;
  if (by_index && result.number <= 0) return Errno::NoDevice;
  const InterfaceRecord* record =
      table.find(by_index ? static_cast<uint32_t>(result.number) : 0, result.name);
  if (!record) return Errno::NoDevice;
  Result<void> answered = answer(table, *record, request, &result);
  if (answered.is_error()) return answered.error();
  Result<void> copied = target.write(result);
  if (copied.is_error()) return copied.error();
  return uint64_t{0};
}

}  // namespace runtime
