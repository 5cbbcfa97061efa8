// Decompresses Zstandard frames (RFC 8878) into memory that holds the whole frame.
#pragma once

#include "zstd/entropy.h"

namespace loader {

/// One of the three codes of a sequence: a number of extra bits on top of a base value.
struct SequenceTable {
  struct Entry {
    uint32_t base;
    uint8_t extra_bits;
    uint8_t state_bits;
    uint16_t next;
  };
  Entry entries[512] = {};
  unsigned accuracy = 0;
  bool is_valid = false;
};

/// What a frame's blocks hand on to the next. It is large: keep it in static memory.
class ZstdDecoder {
 public:
  static constexpr size_t kMaximumBlock = 128 * 1024;

  /// Decompresses one frame that has no dictionary.
  /// @param input the frame, exactly
  /// @param output receives exactly `output_size` bytes
  /// @returns null, or what is wrong with the frame; never writes outside of the output
  const char* decode(const uint8_t* input, size_t input_size, uint8_t* output, size_t output_size);

 private:
  const char* decode_block(const uint8_t* data, size_t size);
  /// Each returns the bytes it took, 0 when damaged.
  size_t read_literals(const uint8_t* data, size_t size);
  size_t read_sequence_tables(const uint8_t* data, size_t size, uint8_t modes);
  bool run_sequences(const uint8_t* data, size_t size, uint32_t count);
  bool copy_sequence(size_t literals, size_t match, size_t offset);
  bool copy_literals(size_t count);

  uint8_t* output_ = nullptr;  // where the next byte goes
  uint8_t* output_start_ = nullptr;
  uint8_t* output_end_ = nullptr;
  const uint8_t* literals_ = nullptr;
  size_t literals_left_ = 0;
  uint32_t repeated_[3] = {};  // offsets, the latest first
  HuffmanTable huffman_;
  SequenceTable literal_lengths_, offsets_, match_lengths_;
  uint8_t literal_buffer_[kMaximumBlock] = {};
};

/// The 64-bit hash that frames are checked with.
/// Source: xxHash specification, XXH64, seed 0.
uint64_t xxh64(const uint8_t* data, size_t size);

}  // namespace loader
