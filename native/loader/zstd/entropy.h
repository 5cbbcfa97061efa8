// Zstandard's entropy tables: FSE (RFC 8878, 4.1) and Huffman (4.2).
#pragma once

#include "zstd/backward_bits.h"

namespace loader {

constexpr unsigned kMaximumFseSymbols = 256;

/// How probable each symbol is: -1 is "less than 1".
struct FseDistribution {
  int16_t counts[kMaximumFseSymbols];
  unsigned symbols;
  unsigned accuracy;  // the counts add up to 1 << accuracy
};

/// Reads a distribution (4.1.1).
/// @param maximum_accuracy the largest that the table's user allows
/// @param maximum_symbols how many symbols there may be
/// @returns the bytes that it took, 0 when it is damaged
size_t read_fse_distribution(const uint8_t* data, size_t size, unsigned maximum_accuracy,
                             unsigned maximum_symbols, FseDistribution* result);

/// A state: what it stands for, and where the next one is.
struct FseState {
  uint8_t symbol;
  uint8_t bits;       // to read for the next state
  uint16_t baseline;  // that those bits are added to
};

/// Lays out the states of a distribution (4.1.1). False when its counts do not fill the table.
/// @param states room for 1 << accuracy
bool build_fse_states(const FseDistribution& distribution, FseState* states);

constexpr unsigned kMaximumHuffmanBits = 11;

/// Huffman codes, by the next kMaximumHuffmanBits or fewer bits of the stream.
struct HuffmanTable {
  struct Entry {
    uint8_t symbol;
    uint8_t bits;
  };
  Entry entries[1 << kMaximumHuffmanBits] = {};
  unsigned bits = 0;  // of the longest code; 0 when there is no table
};

/// Reads a tree description (4.2.1).
/// @returns the bytes that it took, 0 when it is damaged
size_t read_huffman_table(const uint8_t* data, size_t size, HuffmanTable* table);

/// Decodes one stream (4.2.2). False unless it holds exactly `count` symbols.
bool decode_huffman_stream(const HuffmanTable& table, const uint8_t* data, size_t size,
                           uint8_t* output, size_t count);

}  // namespace loader
