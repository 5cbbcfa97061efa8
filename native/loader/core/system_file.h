// The system file: kernel, base and initrd, compressed, as lib/image/src/system-file.ts writes it and the
// loaders read it. All numbers are little endian.
//
//   0   "RTJSBOOT"          8   u32 version          12  u32 size of the header, this table and all
//   16  u64 size of the file                         24  u64 where the image is linked (physical)
//   32  u64 size of the image in memory              40  u64 size of the initrd
//   48  u32 entry, as linked                         52  u32 alignment, 0 when it cannot be moved
//   56  u32 lowest address   60  u32 highest address (of its last byte)
//   64  u32 frames of the image                      68  u32 frames of the initrd
//   72  u32 where the command line is in the header  76  u32 its size with its NUL
//   80  u32 CRC-32 of the header, this field as 0    84  u32 0
//   88  for each frame u32 compressed size, u32 size; the frames follow the header without gaps
#pragma once

#include "memory_functions.h"

namespace loader {

struct SystemFile {
  static constexpr size_t kFirstRead = 4096;  // the header is a multiple of this
  static constexpr size_t kMaximumHeader = 64 * 1024;
  static constexpr size_t kFixedPart = 88;

  uint32_t header_size;
  uint64_t file_size;
  uint64_t linked_address;
  uint64_t image_size;
  uint64_t initrd_size;
  uint32_t entry;
  uint32_t alignment;
  uint32_t lowest_address;
  uint32_t highest_address;
  uint32_t image_frames;
  uint32_t initrd_frames;
  const char* command_line;
  uint32_t largest_frame;  // compressed bytes
  const uint8_t* frames;

  uint32_t compressed_size(uint32_t frame) const { return load<uint32_t>(frames + 8 * frame); }
  uint32_t raw_size(uint32_t frame) const { return load<uint32_t>(frames + 8 * frame + 4); }
};

/// Reads how long the header is from its first kFirstRead bytes.
/// @returns null, or what is wrong
const char* read_header_size(const uint8_t* header, uint32_t* size);

/// Reads and checks a whole header. The result points into it.
/// @returns null, or what is wrong
const char* read_system_file(uint8_t* header, uint32_t size, SystemFile* result);

}  // namespace loader
