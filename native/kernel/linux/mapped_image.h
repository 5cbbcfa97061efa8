// ELF files as they are mapped, for names in reports.
#pragma once

#include "lib/string.h"
#include "lib/types.h"

namespace runtime {

struct FileImage {
  const uint8_t* data;  // the whole file, in the kernel's view of the boot image
  size_t size;
  uint64_t load_bias;  // run-time address minus link address
  StringView path;     // valid until the next call
};

/// The ELF file of the boot image that is mapped at `address`. Returns false when there is none.
bool find_mapped_image(uint64_t address, FileImage* image);

}  // namespace runtime
