// The function table that the shim and the addon call (native/abi).
#pragma once

#include <stdint.h>

namespace runtime {

/// The page with the table, which the vDSO maps for the application.
const void* kernel_interface_page();
/// Nanoseconds from kernel entry to the application's first instruction; set once.
void set_boot_nanoseconds(uint64_t nanoseconds);

}  // namespace runtime
