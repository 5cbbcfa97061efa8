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
    for (size_t i = 0; i < size; ++i) bytes_[(end_ + i) % Capacity] = text[i];
    end_ += size;
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

  uint64_t oldest() const { return end_ > Capacity ? end_ - Capacity : 0; }
  uint64_t end() const { return end_; }

 private:
  char bytes_[Capacity] = {};
  uint64_t end_ = 0;
};

}  // namespace runtime
