// Maps the vDSO for the application.
#pragma once

#include <stdint.h>

#include "lib/result.h"
#include "lib/string.h"

namespace runtime {

/// Maps the kernel interface, the data pages and the image so that they end at or below `end`, or elsewhere when
/// something is there. Returns the image's address, for AT_SYSINFO_EHDR. Errors: NoMemory.
Result<uint64_t> map_vdso(uint64_t end);
/// Where the application has the kernel interface then: it keeps this address, wherever the kernel is.
uint64_t kernel_interface_below(uint64_t image);
/// What it needs, in bytes.
uint64_t vdso_image_size();
/// The image.
StringView vdso_image();

}  // namespace runtime
