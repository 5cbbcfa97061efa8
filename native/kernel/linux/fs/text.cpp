#include "linux/fs/text.h"

#include "lib/format.h"

namespace runtime {

void TextWriter::put(StringView text) {
  const size_t start = text_.size();
  if (text_.reserve(start + text.size).is_error() || text_.resize(start + text.size).is_error()) {
    is_out_of_memory_ = true;
    return;
  }
  memcpy(text_.data() + start, text.data, text.size);
}

void TextWriter::print(const char* pattern, ...) {
  char piece[1024];
  va_list arguments;
  va_start(arguments, pattern);
  const size_t size = format_list(piece, sizeof(piece), pattern, arguments);
  va_end(arguments);
  put(StringView(piece, size));
}

}  // namespace runtime
