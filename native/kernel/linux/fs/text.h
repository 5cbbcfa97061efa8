// Text that grows, for files whose content is generated.
#pragma once

#include <stdarg.h>

#include "lib/string.h"
#include "lib/vector.h"

namespace runtime {

/// Collects text; running out of memory is remembered and reported once, at the end.
class TextWriter {
 public:
  TextWriter() = default;

  void put(StringView text);
  void put_bytes(const void* bytes, size_t size) {
    put(StringView(static_cast<const char*>(bytes), size));
  }
  /// Formats one piece of less than 1 KiB.
  void print(const char* pattern, ...) __attribute__((format(printf, 2, 3)));

  bool is_out_of_memory() const { return is_out_of_memory_; }
  StringView view() { return StringView(text_.data(), text_.size()); }
  void clear() { text_.clear(); }

 private:
  Vector<char> text_;
  bool is_out_of_memory_ = false;
};

}  // namespace runtime
