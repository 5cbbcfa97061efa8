// The last 64 KiB of log text, readable from any position that is still held.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace runtime {

/// A byte ring that overwrites its oldest content. Positions count all bytes ever written, so a
/// reader that fell behind notices. Not locked; lib/log.cpp does that.
template <size_t Capacity>
class TextRing {
 public:
  /// Appends `size` bytes; of more than `Capacity` only the last ones remain.
  void append(const char* text, size_t size) {
    for (size_t i = 0; i < size; ++i, ++end_) {
      char& byte = bytes_[end_ % Capacity];
      if (end_ >= Capacity && byte == '\n') ++lines_overwritten_;
      byte = text[i];
    }
  }

  /// Copies text from `*cursor` on and moves the cursor past it; returns the count. A cursor that
  /// points at overwritten text continues at the oldest byte that is still held; one beyond the end
  /// reads nothing.
  size_t read(uint64_t* cursor, char* buffer, size_t capacity) const {
    if (*cursor < oldest()) *cursor = oldest();
    size_t count = 0;
    for (; count < capacity && *cursor < end_; ++count, ++*cursor) {
      buffer[count] = bytes_[*cursor % Capacity];
    }
    return count;
  }

  /// Where the oldest line starts that is held whole, and how many lines there were before it.
  uint64_t oldest_line(uint64_t* lines_before) const {
    *lines_before = lines_overwritten_;
    uint64_t at = oldest();
    if (at == 0) return at;
    while (at < end_ && bytes_[at++ % Capacity] != '\n') {
    }
    ++*lines_before;
    return at;
  }

  uint64_t oldest() const { return end_ > Capacity ? end_ - Capacity : 0; }
  uint64_t end() const { return end_; }

 private:
  char bytes_[Capacity] = {};
  uint64_t end_ = 0;
  uint64_t lines_overwritten_ = 0;  // whose end is gone
};

}  // namespace runtime
