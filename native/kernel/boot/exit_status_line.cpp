// The pure part of the exit status: the line of JSON.
#include "boot/exit_status.h"
#include "lib/format.h"
#include "lib/string.h"

namespace runtime {

namespace {

constexpr char kLineEnd[] = "\"}\n";

/// One character as it stands in a JSON string (RFC 8259, section 7); returns the length.
size_t escape(char character, char* buffer, size_t capacity) {
  const unsigned char byte = static_cast<unsigned char>(character);
  if (character == '"' || character == '\\') return format(buffer, capacity, "\\%c", character);
  if (character == '\n') return format(buffer, capacity, "\\n");
  if (byte < 0x20 || byte == 0x7f) return format(buffer, capacity, "\\u%04x", byte);
  return format(buffer, capacity, "%c", character);
}

/// Bytes of the UTF-8 character that starts at `text`, 0 when it is not valid (RFC 3629).
size_t utf8_length(const char* text) {
  const unsigned char lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead < 0x80                    ? 1
                        : lead >= 0xc2 && lead <= 0xdf ? 2
                        : (lead & 0xf0) == 0xe0        ? 3
                        : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                       : 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

size_t format_exit_status(char* buffer, size_t capacity, int code, const char* reason) {
  constexpr size_t kEndLength = sizeof(kLineEnd) - 1;
  size_t length = format(buffer, capacity, "{\"code\":%d,\"reason\":\"", code);
  while (*reason) {
    char piece[8];
    size_t consumed = utf8_length(reason);
    size_t size;
    if (consumed <= 1) {
      // A byte that is no UTF-8 would make the whole line unreadable.
      size = consumed ? escape(*reason, piece, sizeof(piece)) : format(piece, sizeof(piece), "?");
      consumed = 1;
    } else {
      memcpy(piece, reason, consumed);
      size = consumed;
    }
    if (length + size + kEndLength >= capacity) break;
    memcpy(buffer + length, piece, size);
    length += size;
    reason += consumed;
  }
  return length + format(buffer + length, capacity - length, "%s", kLineEnd);
}

}  // namespace runtime
