#include "platform/smbios.h"

#include <stdint.h>

#include "lib/types.h"

namespace runtime {

namespace {

constexpr uint8_t kSystemInformation = 1;
constexpr uint8_t kEndOfTable = 127;
constexpr size_t kHeaderSize = 4;
constexpr size_t kSerialField = 7;

uint8_t byte_at(StringView text, size_t index) { return static_cast<uint8_t>(text.data[index]); }

/// The `number`th of the strings that follow a structure; they count from 1.
StringView string_of(StringView strings, unsigned number) {
  for (unsigned i = 1; !strings.is_empty() && strings.data[0] != '\0'; ++i) {
    const size_t length = strings.find('\0');
    if (length == strings.size) break;
    if (i == number) return strings.first(length);
    strings = strings.from(length + 1);
  }
  return StringView();
}

/// Bytes of a structure's strings: they end with two NUL characters.
size_t strings_size(StringView strings) {
  for (size_t i = 0; i + 1 < strings.size; ++i)
    if (strings.data[i] == '\0' && strings.data[i + 1] == '\0') return i + 2;
  return strings.size;
}

}  // namespace

StringView smbios_system_serial(StringView tables) {
  while (tables.size >= kHeaderSize) {
    const uint8_t type = byte_at(tables, 0);
    const size_t length = byte_at(tables, 1);
    if (type == kEndOfTable || length < kHeaderSize || length > tables.size) break;
    const StringView strings = tables.from(length);
    if (type == kSystemInformation && length > kSerialField)
      return string_of(strings, byte_at(tables, kSerialField));
    tables = strings.from(strings_size(strings));
  }
  return StringView();
}

StringView nocloud_host_name(StringView serial) {
  bool is_first = true;
  StringView name;
  while (!serial.is_empty()) {
    const size_t end = serial.find(';');
    const StringView word = serial.first(end);
    serial = serial.from(min_of(end + 1, serial.size));
    if (is_first && word != StringView("ds=nocloud") && word != StringView("ds=nocloud-net"))
      return StringView();
    is_first = false;
    const StringView key = word.first(min_of(word.find('=') + 1, word.size));
    if (key == StringView("h=") || key == StringView("local-hostname=")) name = word.from(key.size);
  }
  return name;
}

}  // namespace runtime
