// ioctl(2) of sockets about network interfaces: netdevice(7).
#pragma once

#include <stdint.h>

#include "lib/result.h"

namespace runtime {

/// Answers SIOCGIF* of any socket, whatever its family. Errors: NotTerminal (another request), NoDevice,
/// AddressNotAvailable (no IPv4 address), Fault, NoMemory.
Result<uint64_t> interface_ioctl(uint32_t request, uint64_t argument);

}  // namespace runtime
