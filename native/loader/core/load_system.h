// Loads the system file: the same under every firmware.
#pragma once

#include "core/system_file.h"
#include "zstd/zstd.h"

namespace loader {

/// Where the parts are in memory.
struct LoadedSystem {
  SystemFile file;
  uint64_t image;  // a physical address, as all of these
  uint64_t initrd;
  uint32_t entry;
};

/// Memory for the decompressor and the header; static, for it is large.
struct LoadBuffers {
  ZstdDecoder decoder;
  uint8_t header[SystemFile::kMaximumHeader] = {};
};

constexpr uint64_t kPage = 4096;

template <typename Firmware>
const char* load_frames(Firmware& firmware, ZstdDecoder& decoder, const SystemFile& file,
                        uint32_t first, uint32_t count, uint64_t* offset, uint8_t* buffer,
                        uint64_t address) {
  for (uint32_t i = first; i < first + count; ++i) {
    const uint32_t compressed = file.compressed_size(i);
    if (const char* problem = firmware.read(*offset, buffer, compressed)) return problem;
    const char* const damage =
        decoder.decode(buffer, compressed, reinterpret_cast<uint8_t*>(address), file.raw_size(i));
    if (damage) return damage;
    *offset += compressed;
    address += file.raw_size(i);
  }
  return nullptr;
}

/// Loads kernel, base and initrd. `Firmware` has
///   const char* read(uint64_t offset, void* to, size_t size)    of the system file; null or a problem
///   uint64_t allocate(size, alignment, lowest, highest)         physical memory, 0 when there is none
/// @returns null, or what is wrong, to be printed behind "cannot load the system: "
template <typename Firmware>
const char* load_system(Firmware& firmware, LoadBuffers& buffers, LoadedSystem* result) {
  SystemFile& file = result->file;
  uint32_t header_size;
  if (const char* problem = firmware.read(0, buffers.header, SystemFile::kFirstRead))
    return problem;
  if (const char* problem = read_header_size(buffers.header, &header_size)) return problem;
  if (const char* problem =
          firmware.read(SystemFile::kFirstRead, buffers.header + SystemFile::kFirstRead,
                        header_size - SystemFile::kFirstRead))
    return problem;
  if (const char* problem = read_system_file(buffers.header, header_size, &file)) return problem;

  const uint64_t image_pages = align_up(file.image_size, kPage);
  const uint64_t initrd_pages = align_up(file.initrd_size, kPage);
  const uint64_t size = image_pages + initrd_pages + align_up<uint64_t>(file.largest_frame, kPage);
  uint64_t place = firmware.allocate(size, kPage, file.linked_address, file.linked_address + size);
  if (!place && file.alignment)
    place = firmware.allocate(size, file.alignment, file.lowest_address,
                              uint64_t{file.highest_address} + 1);
  if (!place) return "there is too little memory for it; give the machine more";
  result->image = place;
  result->initrd = place + image_pages;
  result->entry = static_cast<uint32_t>(file.entry - file.linked_address + place);

  uint8_t* const buffer = reinterpret_cast<uint8_t*>(place + image_pages + initrd_pages);
  uint64_t offset = file.header_size;
  if (const char* problem = load_frames(firmware, buffers.decoder, file, 0, file.image_frames,
                                        &offset, buffer, result->image))
    return problem;
  return load_frames(firmware, buffers.decoder, file, file.image_frames, file.initrd_frames,
                     &offset, buffer, result->initrd);
}

}  // namespace loader
