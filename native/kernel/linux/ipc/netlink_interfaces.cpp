#include "linux/ipc/netlink_interfaces.h"

#include "lib/string.h"

namespace runtime {

namespace {

InterfaceProvider g_provider = nullptr;  // atomic

}  // namespace

const InterfaceRecord* InterfaceTable::find(uint32_t index, const char* name) const {
  for (const InterfaceRecord& record : interfaces) {
    const bool is_wanted =
        index != 0 ? record.index == index : StringView(record.name) == StringView(name);
    if (is_wanted) return &record;
  }
  return nullptr;
}

void set_interface_provider(InterfaceProvider provider) {
  __atomic_store_n(&g_provider, provider, __ATOMIC_RELEASE);
}

Result<void> load_interfaces(InterfaceTable* table) {
  const InterfaceProvider provider = __atomic_load_n(&g_provider, __ATOMIC_ACQUIRE);
  return provider ? provider(table) : Result<void>();
}

}  // namespace runtime
