// Writing a frozen process down.
#pragma once

#include <stddef.h>

#include "lib/types.h"

namespace runtime {

struct WrittenState {
  PhysAddr where;
  uint64_t size = 0;  // bytes
};

/// Writes the state of the process, whose threads have all stopped, into contiguous memory. On failure returns
/// false and writes what is in the way, as the end of a sentence.
bool write_frozen_state(WrittenState* written, char* problem, size_t capacity);

/// One word of what the CPU offers to programs.
uint32_t frozen_feature_word(unsigned index);

}  // namespace runtime
