#include "netlink_bindings.h"

#include <string.h>

#include <algorithm>
#include <vector>

#include "linux/ipc/netlink_interfaces.h"

namespace kernel_ipc {

namespace {

std::vector<runtime::InterfaceRecord> g_interfaces;
std::vector<runtime::InterfaceAddress> g_addresses;

runtime::Result<void> provide(runtime::InterfaceTable* table) {
  for (const runtime::InterfaceRecord& record : g_interfaces) {
    runtime::Result<void> pushed = table->interfaces.push(record);
    if (pushed.is_error()) return pushed;
  }
  for (const runtime::InterfaceAddress& address : g_addresses) {
    runtime::Result<void> pushed = table->addresses.push(address);
    if (pushed.is_error()) return pushed;
  }
  return {};
}

uint32_t number_of(const Napi::Object& object, const char* name) {
  return object.Get(name).As<Napi::Number>().Uint32Value();
}

/// Copies at most `capacity` bytes; returns how many there are.
size_t copy_bytes(const Napi::Value& value, uint8_t* target, size_t capacity) {
  const auto bytes = value.As<Napi::Uint8Array>();
  memcpy(target, bytes.Data(), std::min(bytes.ByteLength(), capacity));
  return bytes.ByteLength();
}

void add_address(const Napi::Object& given, uint32_t interface_index) {
  runtime::InterfaceAddress address;
  address.interface_index = interface_index;
  address.prefix_length = static_cast<uint8_t>(number_of(given, "prefix"));
  address.scope = static_cast<uint8_t>(number_of(given, "scope"));
  const size_t size = copy_bytes(given.Get("bytes"), address.address, sizeof(address.address));
  address.family = size == 4 ? runtime::kFamilyInternet : runtime::kFamilyInternet6;
  address.has_broadcast = given.Get("broadcast").IsTypedArray();
  if (address.has_broadcast) {
    copy_bytes(given.Get("broadcast"), address.broadcast, sizeof(address.broadcast));
  }
  g_addresses.push_back(address);
}

void add_interface(const Napi::Object& given) {
  runtime::InterfaceRecord record;
  record.index = number_of(given, "index");
  record.flags = number_of(given, "flags");
  record.mtu = number_of(given, "mtu");
  const std::string name = given.Get("name").As<Napi::String>();
  name.copy(record.name, sizeof(record.name) - 1);
  copy_bytes(given.Get("hardware"), record.hardware_address, sizeof(record.hardware_address));
  memset(record.hardware_broadcast, 0xff, sizeof(record.hardware_broadcast));
  g_interfaces.push_back(record);
  const auto addresses = given.Get("addresses").As<Napi::Array>();
  for (uint32_t i = 0; i < addresses.Length(); ++i) {
    add_address(addresses.Get(i).As<Napi::Object>(), record.index);
  }
}

}  // namespace

Napi::Value set_interfaces(const Napi::CallbackInfo& info) {
  g_interfaces.clear();
  g_addresses.clear();
  const auto list = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) add_interface(list.Get(i).As<Napi::Object>());
  runtime::set_interface_provider(list.Length() > 0 ? provide : nullptr);
  return info.Env().Undefined();
}

}  // namespace kernel_ipc
