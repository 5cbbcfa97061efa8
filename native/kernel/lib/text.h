// Text that grows in a fixed buffer.
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "lib/format.h"
#include "lib/string.h"

namespace runtime {

/// Appends to a buffer that somebody else owns; what does not fit is cut. Always NUL-terminated.
class TextBuilder {
 public:
  TextBuilder(char* buffer, size_t capacity) : buffer_(buffer), capacity_(capacity) {
    if (capacity_) buffer_[0] = '\0';
  }

  void append(const char* pattern, ...) __attribute__((format(printf, 2, 3))) {
    va_list arguments;
    va_start(arguments, pattern);
    length_ += format_list(buffer_ + length_, capacity_ - length_, pattern, arguments);
    va_end(arguments);
  }
  StringView view() const { return StringView(buffer_, length_); }
  size_t length() const { return length_; }

 private:
  char* buffer_;
  size_t capacity_;
  size_t length_ = 0;
};

}  // namespace runtime
