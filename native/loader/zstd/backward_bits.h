// Reads a bit stream from its end, as Zstandard writes Huffman codes and sequences (RFC 8878, 4.1 and
// 4.2.2): the last byte's highest set bit marks the end, the bits below it come first.
#pragma once

#include "memory_functions.h"

namespace loader {

class BackwardBits {
 public:
  /// Starts behind the marker. False when there is none.
  bool start(const uint8_t* data, size_t size) {
    if (size == 0 || data[size - 1] == 0) return false;
    start_ = data;
    const unsigned marker = 8 - (31 - static_cast<unsigned>(__builtin_clz(data[size - 1])));
    if (size >= 8) {
      position_ = data + size - 8;
      window_ = load<uint64_t>(position_);
      consumed_ = marker;
    } else {
      position_ = data;
      window_ = 0;
      for (size_t i = 0; i < size; ++i) window_ |= static_cast<uint64_t>(data[i]) << (8 * i);
      consumed_ = marker + 8 * (8 - static_cast<unsigned>(size));
    }
    return true;
  }

  /// Afterwards 56 bits can be read, unless the stream ends before.
  void refill() {
    size_t bytes = consumed_ >> 3;
    const size_t left = static_cast<size_t>(position_ - start_);
    if (bytes > left) bytes = left;
    if (bytes == 0) return;
    position_ -= bytes;
    consumed_ -= 8 * static_cast<unsigned>(bytes);
    window_ = load<uint64_t>(position_);
  }

  /// The next bits, at most 56, without taking them. Zeros and old bits behind the stream's end.
  uint64_t peek(unsigned count) const { return window_ << (consumed_ & 63) >> 1 >> (63 - count); }
  void skip(unsigned count) { consumed_ += count; }
  uint64_t read(unsigned count) {
    const uint64_t value = peek(count);
    skip(count);
    return value;
  }

  /// Every bit has been taken, and none behind them.
  bool is_finished() const { return position_ == start_ && consumed_ == 64; }
  /// More was taken than there is.
  bool is_overrun() const { return consumed_ > 64; }

 private:
  const uint8_t* start_ = nullptr;
  const uint8_t* position_ = nullptr;  // of the window's 8 bytes
  uint64_t window_ = 0;
  unsigned consumed_ = 0;  // bits of the window, from the top
};

}  // namespace loader
