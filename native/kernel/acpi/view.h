// The kernel's view of what firmware put into physical memory: tables, and registers that byte code
// reaches. Addresses come from firmware and may be nonsense.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/types.h"

namespace runtime {

/// Gives `size` bytes (at most 16 MiB) at a physical address; null when the CPU has no such addresses or
/// they cannot be mapped. Views stay; the same pages again cost nothing. Who holds a spinlock can have
/// only what the direct map covers or was viewed before.
const uint8_t* view_firmware(PhysAddr address, size_t size);

}  // namespace runtime
