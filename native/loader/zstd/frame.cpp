// Frames, blocks and literals: RFC 8878, 3.1.1.
#include "zstd/zstd.h"

namespace loader {

namespace {

constexpr uint32_t kMagic = 0xfd2fb528;
constexpr size_t kChecksumSize = 4;

struct FrameHeader {
  size_t size;
  bool has_checksum;
  bool has_content_size;
  uint64_t content_size;
};

/// RFC 8878, 3.1.1.1. The window's size does not matter here: all of the output stays in memory.
const char* read_frame_header(const uint8_t* data, size_t size, FrameHeader* header) {
  if (size < 6 || load<uint32_t>(data) != kMagic) return "it is no Zstandard frame";
  const uint8_t descriptor = data[4];
  const bool is_single_segment = descriptor >> 5 & 1;
  const unsigned dictionary_flag = descriptor & 3;
  if (descriptor & 8) return "its frame header uses a reserved bit";
  const unsigned size_flag = descriptor >> 6;
  const size_t size_field = size_flag == 0 ? (is_single_segment ? 1 : 0) : size_t{1} << size_flag;
  const size_t dictionary_field = dictionary_flag == 3 ? 4 : dictionary_flag;
  size_t at = 5 + (is_single_segment ? 0 : 1);
  header->size = at + dictionary_field + size_field;
  if (header->size > size) return "it ends in its frame header";
  for (size_t i = 0; i < dictionary_field; ++i)
    if (data[at++] != 0) return "it needs a dictionary";
  uint64_t content = 0;
  for (size_t i = 0; i < size_field; ++i) content |= static_cast<uint64_t>(data[at++]) << (8 * i);
  header->content_size = size_field == 2 ? content + 256 : content;
  header->has_content_size = size_field > 0;
  header->has_checksum = descriptor >> 2 & 1;
  return nullptr;
}

}  // namespace

const char* ZstdDecoder::decode(const uint8_t* input, size_t input_size, uint8_t* output,
                                size_t output_size) {
  FrameHeader header;
  if (const char* problem = read_frame_header(input, input_size, &header)) return problem;
  if (header.has_content_size && header.content_size != output_size)
    return "its size is not the one that was announced";
  output_ = output_start_ = output;
  output_end_ = output + output_size;
  repeated_[0] = 1;
  repeated_[1] = 4;
  repeated_[2] = 8;
  huffman_.bits = 0;
  literal_lengths_.is_valid = offsets_.is_valid = match_lengths_.is_valid = false;

  size_t at = header.size;
  for (bool is_last = false; !is_last;) {
    if (input_size - at < 3) return "it ends in a block header";
    const uint32_t block = input[at] | input[at + 1] << 8 | input[at + 2] << 16;
    at += 3;
    is_last = block & 1;
    const size_t size = block >> 3;
    const size_t left = input_size - at;
    const size_t room = static_cast<size_t>(output_end_ - output_);
    switch (block >> 1 & 3) {
      case 0:
        if (size > left || size > room) return "a block is cut short";
        memcpy(output_, input + at, size);
        output_ += size;
        at += size;
        break;
      case 1:
        if (left < 1 || size > room) return "a block is cut short";
        memset(output_, input[at], size);
        output_ += size;
        at += 1;
        break;
      case 2:
        if (size > left || size > kMaximumBlock) return "a block is cut short";
        if (const char* problem = decode_block(input + at, size)) return problem;
        at += size;
        break;
      default:
        return "a block is of a reserved type";
    }
  }
  if (output_ != output_end_) return "it is shorter than was announced";
  if (header.has_checksum) {
    if (input_size - at < kChecksumSize) return "its checksum is missing";
    const uint32_t expected = load<uint32_t>(input + at);
    at += kChecksumSize;
    if (static_cast<uint32_t>(xxh64(output, output_size)) != expected)
      return "its checksum is wrong";
  }
  return at == input_size ? nullptr : "something follows its end";
}

const char* ZstdDecoder::decode_block(const uint8_t* data, size_t size) {
  size_t at = read_literals(data, size);
  if (at == 0 || at >= size) return "the literals of a block are damaged";
  // The number of sequences (3.1.1.3.2.1).
  uint32_t count = data[at++];
  if (count >= 128) {
    const size_t more = count == 255 ? 2 : 1;
    if (size - at < more) return "a block ends in its sequence header";
    count = count == 255 ? load<uint16_t>(data + at) + 0x7f00u : (count - 128) << 8 | data[at];
    at += more;
  }
  if (count > 0) {
    if (at >= size) return "a block ends in its sequence header";
    const uint8_t modes = data[at++];
    if (modes & 3) return "a sequence header uses reserved bits";
    const uint8_t* const tables = data + at;
    const size_t taken = read_sequence_tables(tables, size - at, modes);
    if (taken > size - at) return "the sequence tables of a block are damaged";
    at += taken;
    if (!run_sequences(data + at, size - at, count)) return "the sequences of a block are damaged";
  } else if (at != size) {
    return "something follows a block's literals";
  }
  return copy_literals(literals_left_) ? nullptr : "a block is longer than was announced";
}

/// RFC 8878, 3.1.1.3.1.
size_t ZstdDecoder::read_literals(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const unsigned type = data[0] & 3;
  const unsigned format = data[0] >> 2 & 3;
  const bool is_compressed = type >= 2;
  const size_t header_size = is_compressed ? (format < 2 ? 3 : format + 2u)
                                           : (format == 1   ? 2
                                              : format == 3 ? 3
                                                            : 1);
  if (size < header_size) return 0;
  uint64_t header = 0;
  for (size_t i = 0; i < header_size; ++i) header |= static_cast<uint64_t>(data[i]) << (8 * i);
  const uint8_t* const content = data + header_size;
  const size_t left = size - header_size;

  if (!is_compressed) {
    const size_t count = static_cast<size_t>(header >> (format == 0 || format == 2 ? 3 : 4));
    if (count > kMaximumBlock) return 0;
    literals_left_ = count;
    if (type == 0) {
      literals_ = content;
      return count <= left ? header_size + count : 0;
    }
    if (left < 1) return 0;
    memset(literal_buffer_, content[0], count);
    literals_ = literal_buffer_;
    return header_size + 1;
  }

  const unsigned width = format < 2 ? 10 : format == 2 ? 14 : 18;
  const size_t count = header >> 4 & ((1u << width) - 1);
  const size_t compressed = header >> (4 + width) & ((1u << width) - 1);
  if (count > kMaximumBlock || compressed > left) return 0;
  size_t at = 0;
  if (type == 2) {
    at = read_huffman_table(content, compressed, &huffman_);
    if (at == 0) return 0;
  } else if (huffman_.bits == 0) {
    return 0;
  }
  literals_ = literal_buffer_;
  literals_left_ = count;
  if (format == 0) {
    return decode_huffman_stream(huffman_, content + at, compressed - at, literal_buffer_, count)
               ? header_size + compressed
               : 0;
  }
  // Four streams; the sizes of the first three are in front of them.
  constexpr size_t kJumpTable = 6;
  if (compressed - at < kJumpTable) return 0;
  const size_t quarter = (count + 3) / 4;
  if (3 * quarter > count) return 0;
  const uint8_t* stream = content + at + kJumpTable;
  size_t rest = compressed - at - kJumpTable;
  for (unsigned i = 0; i < 4; ++i) {
    const size_t length = i < 3 ? load<uint16_t>(content + at + 2 * i) : rest;
    const size_t symbols = i < 3 ? quarter : count - 3 * quarter;
    if (length > rest ||
        !decode_huffman_stream(huffman_, stream, length, literal_buffer_ + i * quarter, symbols))
      return 0;
    stream += length;
    rest -= length;
  }
  return header_size + compressed;
}

}  // namespace loader
