#include "acpi/sleep_package.h"

#include "lib/string.h"

namespace runtime {

namespace {

// Encodings: ACPI 6.5, chapter 20.2.
constexpr uint8_t kZeroOp = 0x00;
constexpr uint8_t kOneOp = 0x01;
constexpr uint8_t kNameOp = 0x08;
constexpr uint8_t kBytePrefix = 0x0a;
constexpr uint8_t kWordPrefix = 0x0b;
constexpr uint8_t kDoubleWordPrefix = 0x0c;
constexpr uint8_t kPackageOp = 0x12;
constexpr uint8_t kRootCharacter = '\\';

/// A bounded walk over the bytes; once it fails, it stays failed.
class Cursor {
 public:
  Cursor(const uint8_t* bytes, size_t size) : bytes_(bytes), size_(size) {}

  bool has_failed() const { return failed_; }
  uint8_t take() {
    if (position_ >= size_) {
      failed_ = true;
      return 0;
    }
    return bytes_[position_++];
  }
  void skip(size_t count) {
    if (count > size_ - position_) {
      failed_ = true;
    } else {
      position_ += count;
    }
  }

 private:
  const uint8_t* bytes_;
  size_t size_;
  size_t position_ = 0;
  bool failed_ = false;
};

/// Skips a PkgLength: the lead byte's top two bits count the bytes that follow it.
void skip_package_length(Cursor& cursor) { cursor.skip(cursor.take() >> 6); }

/// Takes an integer constant of which the low byte matters.
uint8_t take_integer(Cursor& cursor, bool* is_integer) {
  const uint8_t opcode = cursor.take();
  uint8_t value = 0;
  switch (opcode) {
    case kZeroOp:
    case kOneOp:
      return opcode;
    case kBytePrefix:
      return cursor.take();
    case kWordPrefix:
      value = cursor.take();
      cursor.skip(1);
      return value;
    case kDoubleWordPrefix:
      value = cursor.take();
      cursor.skip(3);
      return value;
    default:
      *is_integer = false;
      return 0;
  }
}

/// Reads what follows the name: the package with its first two elements.
bool parse_package(const uint8_t* aml, size_t size, SleepType* type) {
  Cursor cursor(aml, size);
  if (cursor.take() != kPackageOp) return false;
  skip_package_length(cursor);
  const uint8_t count = cursor.take();
  if (count < 1) return false;
  bool are_integers = true;
  SleepType result;
  result.a = take_integer(cursor, &are_integers);
  if (count >= 2) result.b = take_integer(cursor, &are_integers);
  constexpr uint8_t kLargestType = 7;  // three bits in the register
  if (cursor.has_failed() || !are_integers || result.a > kLargestType || result.b > kLargestType) {
    return false;
  }
  *type = result;
  return true;
}

}  // namespace

bool find_soft_off_type(const uint8_t* aml, size_t size, SleepType* type) {
  constexpr size_t kNameLength = 4;
  for (size_t i = 1; i + kNameLength <= size; ++i) {
    if (memcmp(aml + i, "_S5_", kNameLength) != 0) continue;
    const bool is_definition =
        aml[i - 1] == kNameOp || (i >= 2 && aml[i - 1] == kRootCharacter && aml[i - 2] == kNameOp);
    const size_t after = i + kNameLength;
    if (is_definition && parse_package(aml + after, size - after, type)) return true;
  }
  return false;
}

}  // namespace runtime
