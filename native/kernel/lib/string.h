// Memory and string functions, and StringView.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {
void* memcpy(void* destination, const void* source, size_t size);
void* memmove(void* destination, const void* source, size_t size);
void* memset(void* destination, int value, size_t size);
int memcmp(const void* a, const void* b, size_t size);
size_t strlen(const char* text);
}

namespace runtime {

/// A length-counted view of characters that somebody else owns.
struct StringView {
  const char* data = "";
  size_t size = 0;

  StringView() = default;
  StringView(const char* text) : data(text), size(strlen(text)) {}  // NOLINT: literals
  StringView(const char* text, size_t length) : data(text), size(length) {}

  bool is_empty() const { return size == 0; }
  char operator[](size_t index) const { return data[index]; }
  bool operator==(StringView other) const {
    return size == other.size && memcmp(data, other.data, size) == 0;
  }
  bool operator!=(StringView other) const { return !(*this == other); }
  bool starts_with(StringView prefix) const {
    return size >= prefix.size && memcmp(data, prefix.data, prefix.size) == 0;
  }
  StringView from(size_t start) const { return StringView(data + start, size - start); }
  StringView first(size_t length) const { return StringView(data, length); }
  /// Index of `wanted`, or `size` when it does not occur.
  size_t find(char wanted) const {
    size_t i = 0;
    while (i < size && data[i] != wanted) ++i;
    return i;
  }
};

/// A heap-owned string whose creation can fail; NUL-terminated for convenience.
class String {
 public:
  String() = default;
  String(const String&) = delete;
  String& operator=(const String&) = delete;
  String(String&& other) : data_(other.data_), size_(other.size_) {
    other.data_ = nullptr;
    other.size_ = 0;
  }
  String& operator=(String&& other);
  ~String();

  /// Replaces the content by a copy of `text`. Returns false when there is no memory.
  bool assign(StringView text);
  StringView view() const { return data_ ? StringView(data_, size_) : StringView(); }
  const char* c_string() const { return data_ ? data_ : ""; }

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace runtime
