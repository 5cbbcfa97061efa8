// Maps the vDSO for the application.
#pragma once

#include <stdint.h>

#include "lib/result.h"

namespace runtime {

/// Maps the data pages and the image so that they end at or below `end`, or elsewhere when something is
/// there. Returns the image's address, for AT_SYSINFO_EHDR. Errors: NoMemory.
Result<uint64_t> map_vdso(uint64_t end);

}  // namespace runtime
