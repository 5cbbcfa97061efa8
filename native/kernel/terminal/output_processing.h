// What c_oflag of termios(3) does to output. Pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace runtime {

/// Processes output piece by piece; knows the column that the cursor is in.
class OutputProcessing {
 public:
  /// The most bytes that one becomes.
  static constexpr size_t kMostExpansion = 8;

  /// Writes what `flags` (c_oflag) make of `size` bytes to `into`, which has room for kMostExpansion times
  /// as many. Returns their count.
  size_t process(uint32_t flags, const char* bytes, size_t size, char* into);

 private:
  size_t process_one(uint32_t flags, char byte, char* into);

  uint32_t column_ = 0;
};

}  // namespace runtime
