// Finite state entropy: RFC 8878, 4.1.
#include "zstd/entropy.h"

namespace loader {

namespace {

/// Reads bits from the low end of bytes upwards.
class ForwardBits {
 public:
  ForwardBits(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint32_t peek(unsigned count) const {
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) {
      const size_t at = (position_ >> 3) + i;
      if (at < size_) value |= static_cast<uint32_t>(data_[at]) << (8 * i);
    }
    return value >> (position_ & 7) & ((1u << count) - 1);
  }
  void skip(unsigned count) { position_ += count; }
  bool is_overrun() const { return position_ > 8 * size_; }
  size_t bytes_taken() const { return (position_ + 7) / 8; }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t position_ = 0;  // in bits
};

unsigned highest_bit(uint32_t value) { return 31 - static_cast<unsigned>(__builtin_clz(value)); }

}  // namespace

size_t read_fse_distribution(const uint8_t* data, size_t size, unsigned maximum_accuracy,
                             unsigned maximum_symbols, FseDistribution* result) {
  ForwardBits bits(data, size);
  result->accuracy = bits.peek(4) + 5;
  bits.skip(4);
  if (result->accuracy > maximum_accuracy) return 0;
  int32_t remaining = 1 << result->accuracy;
  unsigned symbol = 0;
  while (remaining > 0 && symbol < maximum_symbols && !bits.is_overrun()) {
    // Values run from 0 to remaining + 1; small ones take one bit less.
    const uint32_t maximum = static_cast<uint32_t>(remaining) + 1;
    const unsigned width = highest_bit(maximum) + 1;
    const uint32_t short_values = (1u << width) - 1 - maximum;
    uint32_t value = bits.peek(width);
    const uint32_t low = value & ((1u << (width - 1)) - 1);
    if (low < short_values) {
      value = low;
      bits.skip(width - 1);
    } else {
      if (value >= 1u << (width - 1)) value -= short_values;
      bits.skip(width);
    }
    const int32_t count = static_cast<int32_t>(value) - 1;
    result->counts[symbol++] = static_cast<int16_t>(count);
    remaining -= count < 0 ? 1 : count;
    if (count != 0) continue;
    // Runs of symbols that do not occur.
    for (uint32_t repeat = 3; repeat == 3 && !bits.is_overrun();) {
      repeat = bits.peek(2);
      bits.skip(2);
      if (symbol + repeat > maximum_symbols) return 0;
      for (uint32_t i = 0; i < repeat; ++i) result->counts[symbol++] = 0;
    }
  }
  if (remaining != 0 || bits.is_overrun()) return 0;
  result->symbols = symbol;
  return bits.bytes_taken();
}

bool build_fse_states(const FseDistribution& distribution, FseState* states) {
  const uint32_t size = 1u << distribution.accuracy;
  uint16_t next[kMaximumFseSymbols];
  uint32_t end = size;  // symbols of probability "less than 1" fill the table from here
  for (unsigned symbol = 0; symbol < distribution.symbols; ++symbol) {
    if (distribution.counts[symbol] < 0) {
      if (end == 0) return false;
      states[--end].symbol = static_cast<uint8_t>(symbol);
      next[symbol] = 1;
    } else {
      next[symbol] = static_cast<uint16_t>(distribution.counts[symbol]);
    }
  }
  const uint32_t stride = (size >> 1) + (size >> 3) + 3;
  uint32_t at = 0;
  for (unsigned symbol = 0; symbol < distribution.symbols; ++symbol) {
    for (int16_t i = 0; i < distribution.counts[symbol]; ++i) {
      states[at].symbol = static_cast<uint8_t>(symbol);
      do {
        at = (at + stride) & (size - 1);
      } while (at >= end);
    }
  }
  if (at != 0) return false;
  for (uint32_t i = 0; i < size; ++i) {
    const uint32_t state = next[states[i].symbol]++;
    states[i].bits = static_cast<uint8_t>(distribution.accuracy - highest_bit(state));
    states[i].baseline = static_cast<uint16_t>((state << states[i].bits) - size);
  }
  return true;
}

}  // namespace loader
