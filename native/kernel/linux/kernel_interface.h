// The function table that the shim and the addon call (native/abi).
#pragma once

#include <stdint.h>

namespace runtime {

/// Address of the table for the auxiliary vector; readable by the application.
uint64_t kernel_interface_address();
/// Nanoseconds from kernel entry to the application's first instruction; set once.
void set_boot_nanoseconds(uint64_t nanoseconds);

}  // namespace runtime
