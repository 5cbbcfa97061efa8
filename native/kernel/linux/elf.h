// ELF64 structures. Source: System V ABI, chapters 4 and 5.
#pragma once

#include <stdint.h>

namespace runtime {

struct ElfHeader {
  uint8_t identification[16];
  uint16_t type;
  uint16_t machine;
  uint32_t version;
  uint64_t entry;
  uint64_t program_headers;
  uint64_t section_headers;
  uint32_t flags;
  uint16_t header_size;
  uint16_t program_header_size;
  uint16_t program_header_count;
  uint16_t section_header_size;
  uint16_t section_header_count;
  uint16_t section_names;
};

struct ElfProgramHeader {
  uint32_t type;
  uint32_t flags;
  uint64_t offset;
  uint64_t virtual_address;
  uint64_t physical_address;
  uint64_t file_size;
  uint64_t memory_size;
  uint64_t alignment;
};

constexpr uint16_t kElfExecutable = 2;
constexpr uint16_t kElfShared = 3;
constexpr uint16_t kElfMachineX86_64 = 62;
constexpr uint32_t kSegmentLoad = 1;
constexpr uint32_t kSegmentInterpreter = 3;
constexpr uint32_t kSegmentProgramHeaders = 6;
constexpr uint32_t kSegmentExecute = 1;
constexpr uint32_t kSegmentWrite = 2;
constexpr uint32_t kSegmentRead = 4;
constexpr unsigned kMaximumProgramHeaders = 32;

}  // namespace runtime
