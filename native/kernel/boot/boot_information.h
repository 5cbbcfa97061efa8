// What the boot loader told us, in one form for PVH and multiboot2.
#pragma once

#include "lib/string.h"
#include "lib/types.h"

namespace runtime {

struct PhysicalRange {
  uint64_t start;
  uint64_t end;

  uint64_t size() const { return end - start; }
};

/// Where one colour lies in a pixel.
struct ColourField {
  uint8_t position;  // of its lowest bit
  uint8_t size;      // bits
};

/// A framebuffer that the loader has set up.
struct BootFramebuffer {
  uint64_t address = 0;
  uint32_t width = 0;  // pixels
  uint32_t height = 0;
  uint32_t pitch = 0;  // bytes from one line to the next
  uint32_t bits_per_pixel = 0;
  ColourField red = {0, 0};
  ColourField green = {0, 0};
  ColourField blue = {0, 0};

  /// Bytes; 0 when there is none.
  uint64_t size() const { return static_cast<uint64_t>(pitch) * height; }
};

struct BootInformation {
  static constexpr unsigned kMaximumRanges = 64;
  static constexpr unsigned kCommandLineCapacity = 4096;

  PhysicalRange usable[kMaximumRanges];  // sorted, with gaps between, page aligned
  unsigned usable_count = 0;
  PhysicalRange base = {0, 0};    // the base archive, inside the kernel's file
  PhysicalRange initrd = {0, 0};  // empty when none was given
  PhysAddr rsdp;                  // ACPI root pointer, 0 when the loader did not say
  // A multiboot2 loader hands over a copy of the root pointer in memory that is free afterwards.
  uint8_t rsdp_copy[36];
  bool has_rsdp_copy = false;
  char command_line[kCommandLineCapacity];
  bool command_line_was_cut = false;
  BootFramebuffer framebuffer;
  const char* loader = "unknown loader";
};

/// Reads what the loader left, while the identity map of the first 4 GiB is active. `kind` is 1 for
/// PVH and 2 for multiboot2. Returns null and fills `result`, or says what is wrong.
const char* read_boot_information(uint64_t kind, uint64_t address, BootInformation* result);

}  // namespace runtime
