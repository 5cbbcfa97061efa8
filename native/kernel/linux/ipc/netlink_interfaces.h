// The network interfaces as rtnetlink(7) tells of them. Who runs interfaces sets a provider; the
// protocol code asks it anew for each request.
#pragma once

#include <stdint.h>

#include "lib/result.h"
#include "lib/vector.h"

namespace runtime {

// Interface flags, netdevice(7).
constexpr uint32_t kInterfaceUp = 0x1;
constexpr uint32_t kInterfaceBroadcast = 0x2;
constexpr uint32_t kInterfaceLoopback = 0x8;
constexpr uint32_t kInterfaceRunning = 0x40;
constexpr uint32_t kInterfaceMulticast = 0x1000;

// Hardware types, linux/if_arp.h.
constexpr uint16_t kHardwareEthernet = 1;
constexpr uint16_t kHardwareLoopback = 772;

// Scopes of addresses, rtnetlink(7).
constexpr uint8_t kScopeGlobal = 0;
constexpr uint8_t kScopeLink = 253;
constexpr uint8_t kScopeHost = 254;

constexpr uint8_t kFamilyInternet = 2;    // AF_INET
constexpr uint8_t kFamilyInternet6 = 10;  // AF_INET6

/// One network interface.
struct InterfaceRecord {
  uint32_t index = 0;  // from 1 on, never given twice
  char name[16] = {};  // NUL-terminated, e.g. "eth0"
  uint32_t flags = 0;  // kInterface*
  uint16_t hardware_type = kHardwareEthernet;
  uint8_t hardware_address[6] = {};
  uint8_t hardware_broadcast[6] = {};
  uint32_t mtu = 1500;  // bytes
  uint32_t transmit_queue_length = 1000;
};

/// One address of an interface.
struct InterfaceAddress {
  uint32_t interface_index = 0;
  uint8_t family = kFamilyInternet;
  uint8_t prefix_length = 0;
  uint8_t scope = kScopeGlobal;
  uint8_t address[16] = {};  // network order; IPv4 uses the first four
  bool has_broadcast = false;
  uint8_t broadcast[4] = {};  // IPv4
};

/// All interfaces with all addresses, at one moment. Addresses come in the order of interfaces.
struct InterfaceTable {
  Vector<InterfaceRecord> interfaces;
  Vector<InterfaceAddress> addresses;

  /// The interface with this index or, when the index is 0, with this name. Null: none.
  const InterfaceRecord* find(uint32_t index, const char* name) const;
};

/// Fills an empty table. Called on the thread that asks; may sleep. Errors: NoMemory.
using InterfaceProvider = Result<void> (*)(InterfaceTable* table);

/// Names who knows the interfaces; null: there are none. May change at any time.
void set_interface_provider(InterfaceProvider provider);
/// Asks the provider; without one the table stays empty. Errors: those of the provider.
Result<void> load_interfaces(InterfaceTable* table);

}  // namespace runtime
