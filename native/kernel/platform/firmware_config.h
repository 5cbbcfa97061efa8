// QEMU's firmware configuration (fw_cfg): files that the host hands to one machine, so that one image serves
// many. Those below opt/ are the user's.
// Source: QEMU, docs/specs/fw_cfg.rst.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/string.h"

namespace runtime {

/// A file that the host handed over.
struct FirmwareFile {
  static constexpr size_t kNameCapacity = 56;

  char name[kNameCapacity];  // with a NUL
  uint32_t size;             // in bytes
  uint16_t selector;

  StringView name_view() const;
};

/// Finds the device and reads its list of files. Without the device the list is empty.
void firmware_config_initialise();

/// Files below opt/, in the host's order.
unsigned firmware_file_count();
const FirmwareFile& firmware_file(unsigned index);

/// QEMU's copy of the SMBIOS structures; null when there is none.
const FirmwareFile* firmware_smbios_tables();

/// Reads a file from its start.
/// @param size at most the file's
void firmware_file_read(const FirmwareFile& file, void* to, size_t size);

/// Reads a whole file into heap memory that stays.
/// @returns its content; empty when it is empty, larger than `limit` or does not fit into memory, which the log
/// says
StringView firmware_file_content(const FirmwareFile& file, size_t limit);

}  // namespace runtime
