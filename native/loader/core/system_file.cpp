#include "core/system_file.h"

namespace loader {

namespace {

constexpr uint64_t kLargestSize = 0xffffffff;  // everything is loaded below 4 GiB
constexpr uint32_t kLargestFrame = 64 * 1024 * 1024;
constexpr size_t kChecksumAt = 80;

/// CRC-32 of IEEE 802.3, bit by bit: there are few bytes.
uint32_t crc32(const uint8_t* data, size_t size) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < size; ++i) {
    crc ^= data[i];
    for (unsigned bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

/// Adds up the frames from `first` on. False when they are not `size` bytes.
bool frames_make(const SystemFile& file, uint32_t first, uint32_t count, uint64_t size) {
  uint64_t sum = 0;
  for (uint32_t i = first; i < first + count; ++i) sum += file.raw_size(i);
  return sum == size;
}

}  // namespace

const char* read_header_size(const uint8_t* header, uint32_t* size) {
  if (memcmp(header, "RTJSBOOT", 8) != 0) return "the system file is not where it should be";
  if (load<uint32_t>(header + 8) != 1) return "the system file is of another version";
  *size = load<uint32_t>(header + 12);
  if (*size < SystemFile::kFirstRead || *size > SystemFile::kMaximumHeader ||
      *size % SystemFile::kFirstRead != 0)
    return "the system file's header is damaged";
  return nullptr;
}

const char* read_system_file(uint8_t* header, uint32_t size, SystemFile* result) {
  const char* const damaged = "the system file's header is damaged";
  const uint32_t checksum = load<uint32_t>(header + kChecksumAt);
  store<uint32_t>(header + kChecksumAt, 0);
  if (crc32(header, size) != checksum) return damaged;
  result->header_size = size;
  result->file_size = load<uint64_t>(header + 16);
  result->linked_address = load<uint64_t>(header + 24);
  result->image_size = load<uint64_t>(header + 32);
  result->initrd_size = load<uint64_t>(header + 40);
  result->entry = load<uint32_t>(header + 48);
  result->alignment = load<uint32_t>(header + 52);
  result->lowest_address = load<uint32_t>(header + 56);
  result->highest_address = load<uint32_t>(header + 60);
  result->image_frames = load<uint32_t>(header + 64);
  result->initrd_frames = load<uint32_t>(header + 68);
  result->frames = header + SystemFile::kFixedPart;
  const uint32_t command_line_at = load<uint32_t>(header + 72);
  const uint32_t command_line_size = load<uint32_t>(header + 76);
  const uint64_t frames = static_cast<uint64_t>(result->image_frames) + result->initrd_frames;
  if (SystemFile::kFixedPart + 8 * frames > command_line_at || command_line_at > size ||
      command_line_size == 0 || command_line_size > size - command_line_at ||
      header[command_line_at + command_line_size - 1] != 0 ||
      (result->alignment & (result->alignment - 1)) != 0 || result->image_size > kLargestSize ||
      result->initrd_size > kLargestSize || result->linked_address > kLargestSize)
    return damaged;
  result->command_line = reinterpret_cast<const char*>(header + command_line_at);
  result->largest_frame = 0;
  uint64_t end = size;
  for (uint32_t i = 0; i < frames; ++i) {
    const uint32_t compressed = result->compressed_size(i);
    if (compressed > kLargestFrame) return damaged;
    if (compressed > result->largest_frame) result->largest_frame = compressed;
    end += compressed;
  }
  if (end != result->file_size ||
      !frames_make(*result, 0, result->image_frames, result->image_size) ||
      !frames_make(*result, result->image_frames, result->initrd_frames, result->initrd_size))
    return damaged;
  return nullptr;
}

}  // namespace loader
