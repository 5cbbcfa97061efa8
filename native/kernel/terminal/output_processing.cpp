#include "terminal/output_processing.h"

#include "lib/string.h"
#include "terminal/termios.h"

namespace runtime {

namespace {

constexpr uint32_t kTabStop = 8;

bool is_within_character(char byte) { return (byte & 0xc0) == 0x80; }  // UTF-8

}  // namespace

size_t OutputProcessing::process(uint32_t flags, const char* bytes, size_t size, char* into) {
  if (!(flags & termios::kProcessOutput)) {
    memcpy(into, bytes, size);
    return size;
  }
  size_t made = 0;
  for (size_t i = 0; i < size; ++i) made += process_one(flags, bytes[i], into + made);
  return made;
}

size_t OutputProcessing::process_one(uint32_t flags, char byte, char* into) {
  size_t made = 0;
  switch (byte) {
    case '\n':
      if (flags & termios::kNewlineToCrNl) into[made++] = '\r';
      if (flags & (termios::kNewlineToCrNl | termios::kNewlineReturns)) column_ = 0;
      into[made++] = '\n';
      return made;
    case '\r':
      if ((flags & termios::kNoReturnAtStart) && column_ == 0) return 0;
      if (flags & termios::kReturnToNewline) {
        if (flags & termios::kNewlineReturns) column_ = 0;
        into[made++] = '\n';
        return made;
      }
      column_ = 0;
      break;
    case '\t': {
      const uint32_t width = kTabStop - column_ % kTabStop;
      column_ += width;
      if ((flags & termios::kTabDelays) != termios::kExpandTabs) break;
      memset(into, ' ', width);
      return width;
    }
    case '\b':
      if (column_ > 0) --column_;
      break;
    default:
      if (static_cast<unsigned char>(byte) >= 0x20 && !is_within_character(byte)) ++column_;
      break;
  }
  into[made++] = byte;
  return made;
}

}  // namespace runtime
