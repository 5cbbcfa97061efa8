#include "lib/cpio.h"

#include "lib/types.h"

namespace runtime {

namespace {

// The header: a magic of 6 characters and 13 fields of 8 hexadecimal digits, cpio(5) "New ASCII".
constexpr size_t kMagicSize = 6;
constexpr size_t kFieldSize = 8;
constexpr size_t kHeaderSize = 110;
constexpr size_t kNameSizeMaximum = 16384;  // a path and the padding that aligns the data

enum Field {
  kInode,
  kMode,
  kUser,
  kGroup,
  kLinks,
  kModifyTime,
  kFileSize,
  kDeviceMajor,
  kDeviceMinor,
  kRawDeviceMajor,
  kRawDeviceMinor,
  kNameSize,
  kChecksum,
  kFieldCount,
};
static_assert(kMagicSize + kFieldCount * kFieldSize == kHeaderSize, "newc header is 110 bytes");

bool parse_hexadecimal(StringView text, uint32_t* value) {
  uint32_t result = 0;
  for (size_t i = 0; i < text.size; ++i) {
    const char c = text[i];
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<uint32_t>(c - 'A' + 10);
    } else {
      return false;
    }
    result = result << 4 | digit;
  }
  *value = result;
  return true;
}

}  // namespace

Result<bool> CpioReader::next(CpioEntry* entry) {
  header_ = position_;
  const StringView rest = archive_.from(position_);
  if (rest.is_empty()) return fail("it ends without a trailer, so it was cut short");
  if (rest.size < kHeaderSize) return fail("it ends inside a header, so it was cut short");
  if (!rest.starts_with("070701")) {
    if (rest.starts_with("070702") || rest.starts_with("070707")) {
      return fail("it is a cpio archive, but not of the format \"newc\"");
    }
    if (header_ == 0 && static_cast<uint8_t>(rest[0]) == 0x1f) {
      return fail("it is compressed; cpio archives are taken uncompressed");
    }
    return fail("there is no cpio \"newc\" header (magic 070701)");
  }
  uint32_t fields[kFieldCount] = {};
  for (size_t i = 0; i < kFieldCount; ++i) {
    const StringView digits(rest.data + kMagicSize + i * kFieldSize, kFieldSize);
    if (!parse_hexadecimal(digits, &fields[i])) {
      return fail("a number in the header has a character that is no hexadecimal digit");
    }
  }
  const size_t name_size = fields[kNameSize];
  if (name_size == 0 || name_size > kNameSizeMaximum) {
    return fail("the size of a name is out of range");
  }
  if (name_size > rest.size - kHeaderSize)
    return fail("it ends inside a name, so it was cut short");
  const StringView stored(rest.data + kHeaderSize, name_size);
  const size_t name_length = stored.find('\0');
  if (name_length == name_size) return fail("a name has no terminating NUL");
  if (name_length == 0) return fail("a name is empty");
  const StringView name = stored.first(name_length);

  // Name and data are padded to 4 bytes, counted from the header.
  const size_t data_start = align_up(kHeaderSize + name_size, 4);
  if (name == "TRAILER!!!") {
    position_ = header_ + min_of<size_t>(data_start, rest.size);
    return false;
  }
  const size_t data_size = fields[kFileSize];
  if (data_start > rest.size || data_size > rest.size - data_start) {
    return fail("it ends inside a file's data, so it was cut short");
  }
  entry->name = name;
  entry->data = StringView(rest.data + data_start, data_size);
  entry->inode = fields[kInode];
  entry->mode = fields[kMode];
  entry->user = fields[kUser];
  entry->group = fields[kGroup];
  entry->links = fields[kLinks];
  entry->modify_time = fields[kModifyTime];
  position_ = header_ + min_of<size_t>(align_up(data_start + data_size, 4), rest.size);
  return true;
}

StringView CpioReader::following() const {
  size_t at = position_;
  while (at < archive_.size && archive_[at] == 0) ++at;
  const StringView rest = archive_.from(at);
  return rest.starts_with("070701") ? rest : StringView();
}

}  // namespace runtime
