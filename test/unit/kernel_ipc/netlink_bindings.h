// Network interfaces that the tests of netlink make up.
#pragma once

#include <napi.h>

namespace kernel_ipc {

/// setInterfaces(list): the interfaces that the kernel reports from now on; none for an empty list.
/// Each is { index, name, flags, hardware: Uint8Array(6), mtu, addresses }, an address
/// { bytes: Uint8Array of 4 or 16, prefix, scope, broadcast?: Uint8Array(4) }.
Napi::Value set_interfaces(const Napi::CallbackInfo& info);

}  // namespace kernel_ipc
