// What the EFI loader asks of the firmware.
#pragma once

#include "core/boot_information.h"
#include "efi/efi.h"

namespace loader {

class EfiFirmware {
 public:
  /// Opens the system file on the volume that the loader was started from. Null, or a problem.
  const char* open(efi::Handle image, efi::SystemTable* system);
  /// Reads bytes of the system file. Null, or a problem.
  const char* read(uint64_t offset, void* to, size_t size);
  /// The lowest free physical memory in [lowest, highest); it belongs to the loader then. 0: none.
  uint64_t allocate(uint64_t size, uint64_t alignment, uint64_t lowest, uint64_t highest);
  /// Memory for code below 4 GiB. 0: none.
  uint64_t allocate_code(uint64_t size);

  /// Adds what the firmware knows: the ACPI root pointer, the screen.
  void describe(BootInformation* information) const;
  /// Ends the boot services, and adds the memory map. Null, or a problem.
  const char* leave(BootInformation* information);

  void print(const char* text);
  void wait_seconds(unsigned seconds);

 private:
  const char* read_memory_map(void* to, uint64_t* size);

  efi::Handle image_ = nullptr;
  efi::SystemTable* system_ = nullptr;
  efi::File* file_ = nullptr;
  uint64_t map_key_ = 0;
  uint64_t descriptor_size_ = 0;
  uint32_t descriptor_version_ = 0;
};

}  // namespace loader
