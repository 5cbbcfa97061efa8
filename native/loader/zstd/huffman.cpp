// Huffman codes of literals: RFC 8878, 4.2.
#include "zstd/entropy.h"

namespace loader {

namespace {

constexpr unsigned kMaximumWeights = 255;
constexpr unsigned kMaximumWeightAccuracy = 6;
constexpr unsigned kWeightSymbols = 13;

/// Weights that are themselves compressed with FSE, by two states in turn (4.2.1.2).
/// @returns how many there are, 0 when they are damaged
unsigned read_compressed_weights(const uint8_t* data, size_t size, uint8_t* weights) {
  FseDistribution distribution;
  const size_t taken =
      read_fse_distribution(data, size, kMaximumWeightAccuracy, kWeightSymbols, &distribution);
  FseState states[1 << kMaximumWeightAccuracy];
  BackwardBits bits;
  if (taken == 0 || taken >= size || !build_fse_states(distribution, states) ||
      !bits.start(data + taken, size - taken))
    return 0;
  bits.refill();
  const FseState* current = states + bits.read(distribution.accuracy);
  const FseState* other = states + bits.read(distribution.accuracy);
  if (bits.is_overrun()) return 0;
  unsigned count = 0;
  while (count + 2 <= kMaximumWeights) {
    weights[count++] = current->symbol;
    bits.refill();
    const uint64_t step = bits.read(current->bits);
    if (bits.is_overrun()) {
      // The stream's end: the other state holds the last weight.
      weights[count++] = other->symbol;
      return count;
    }
    const FseState* const next = states + current->baseline + step;
    current = other;
    other = next;
  }
  return 0;
}

bool build_table(uint8_t* weights, unsigned count, HuffmanTable* table) {
  uint32_t sum = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (weights[i] > kMaximumHuffmanBits) return false;
    if (weights[i] > 0) sum += 1u << (weights[i] - 1);
  }
  if (sum == 0) return false;
  // The last symbol's weight is what completes a power of two.
  const unsigned bits = 32 - static_cast<unsigned>(__builtin_clz(sum));
  const uint32_t rest = (1u << bits) - sum;
  if (bits > kMaximumHuffmanBits || (rest & (rest - 1)) != 0) return false;
  weights[count++] = static_cast<uint8_t>(32 - __builtin_clz(rest));
  table->bits = bits;
  uint32_t at = 0;
  for (unsigned weight = 1; weight <= bits; ++weight) {
    for (unsigned symbol = 0; symbol < count; ++symbol) {
      if (weights[symbol] != weight) continue;
      const uint32_t length = 1u << (weight - 1);
      const HuffmanTable::Entry entry = {static_cast<uint8_t>(symbol),
                                         static_cast<uint8_t>(bits + 1 - weight)};
      for (uint32_t i = 0; i < length; ++i) table->entries[at++] = entry;
    }
  }
  return true;
}

}  // namespace

size_t read_huffman_table(const uint8_t* data, size_t size, HuffmanTable* table) {
  if (size == 0) return 0;
  uint8_t weights[kMaximumWeights + 1];
  unsigned count;
  size_t taken;
  table->bits = 0;
  if (data[0] < 128) {
    taken = 1u + data[0];
    if (taken > size) return 0;
    count = read_compressed_weights(data + 1, data[0], weights);
  } else {
    count = data[0] - 127u;
    taken = 1 + (count + 1) / 2;
    if (taken > size) return 0;
    for (unsigned i = 0; i < count; ++i)
      weights[i] = i % 2 == 0 ? data[1 + i / 2] >> 4 : data[1 + i / 2] & 15;
  }
  return count > 0 && build_table(weights, count, table) ? taken : 0;
}

bool decode_huffman_stream(const HuffmanTable& table, const uint8_t* data, size_t size,
                           uint8_t* output, size_t count) {
  BackwardBits bits;
  if (!bits.start(data, size)) return false;
  const unsigned width = table.bits;
  const HuffmanTable::Entry* const entries = table.entries;
  const uint8_t* const end = output + count;
  // Five codes of 11 bits are fewer than the 56 of a refill.
  for (; end - output >= 5; output += 5) {
    bits.refill();
    for (unsigned i = 0; i < 5; ++i) {
      const HuffmanTable::Entry entry = entries[bits.peek(width)];
      bits.skip(entry.bits);
      output[i] = entry.symbol;
    }
  }
  bits.refill();
  for (; output < end; ++output) {
    const HuffmanTable::Entry entry = entries[bits.peek(width)];
    bits.skip(entry.bits);
    *output = entry.symbol;
  }
  bits.refill();
  return bits.is_finished();
}

}  // namespace loader
