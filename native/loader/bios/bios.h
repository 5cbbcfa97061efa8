// What the BIOS loader asks of the BIOS.
#pragma once

#include "core/boot_information.h"

namespace loader {

/// The disk or CD that the machine was started from.
class BiosDisk {
 public:
  /// Finds out the sectors' size. Null, or a problem.
  const char* open();
  /// Reads bytes from anywhere on it. Null, or a problem.
  const char* read(uint64_t position, void* to, size_t size);

 private:
  uint32_t sector_size_ = 0;
};

/// The machine's memory, as the BIOS tells of it.
class BiosMemory {
 public:
  static constexpr uint32_t kMaximumRanges = 128;

  /// Null, or a problem.
  const char* read();
  /// The lowest usable memory in [lowest, highest), above the first MiB and below 4 GiB. 0: none.
  uint64_t find(uint64_t size, uint64_t alignment, uint64_t lowest, uint64_t highest) const;

  const MemoryRange* ranges() const { return ranges_; }
  uint32_t count() const { return count_; }

 private:
  bool is_usable(uint64_t start, uint64_t end) const;

  MemoryRange ranges_[kMaximumRanges] = {};
  uint32_t count_ = 0;
};

/// Prints on the screen.
void print_screen(const char* text);
/// Waits for some seconds.
void wait_seconds(unsigned seconds);

}  // namespace loader
