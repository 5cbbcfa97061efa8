// Sequences: RFC 8878, 3.1.1.3.2 and 3.1.1.4.
#include "zstd/zstd.h"

namespace loader {

namespace {

/// The value of a code: a base, and the number of bits that are read and added.
struct Code {
  uint32_t base;
  uint8_t bits;
};

constexpr unsigned kLiteralLengthCodes = 36;
constexpr unsigned kMatchLengthCodes = 53;
constexpr unsigned kOffsetCodes = 32;

/// RFC 8878, table 16.
Code literal_length_code(unsigned code) {
  constexpr Code kCodes[] = {{16, 1},    {18, 1},    {20, 1},     {22, 1},     {24, 2},
                             {28, 2},    {32, 3},    {40, 3},     {48, 4},     {64, 6},
                             {128, 7},   {256, 8},   {512, 9},    {1024, 10},  {2048, 11},
                             {4096, 12}, {8192, 13}, {16384, 14}, {32768, 15}, {65536, 16}};
  return code < 16 ? Code{code, 0} : kCodes[code - 16];
}

/// RFC 8878, table 17.
Code match_length_code(unsigned code) {
  constexpr Code kCodes[] = {
      {35, 1},    {37, 1},    {39, 1},    {41, 1},    {43, 2},     {47, 2},     {51, 3},
      {59, 3},    {67, 4},    {83, 4},    {99, 5},    {131, 7},    {259, 8},    {515, 9},
      {1027, 10}, {2051, 11}, {4099, 12}, {8195, 13}, {16387, 14}, {32771, 15}, {65539, 16}};
  return code < 32 ? Code{code + 3, 0} : kCodes[code - 32];
}

Code offset_code(unsigned code) { return Code{1u << code, static_cast<uint8_t>(code)}; }

/// The distributions that need no description (RFC 8878, 3.1.1.3.2.2).
constexpr int8_t kLiteralLengthDefaults[kLiteralLengthCodes] = {
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1,  1,  2,  2,
    2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1};
constexpr int8_t kMatchLengthDefaults[kMatchLengthCodes] = {
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1,  1,  1,  1,  1,  1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1};
constexpr int8_t kOffsetDefaults[29] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 1,  1,  1,  1,  1, 1,
                                        1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1};

/// Which of the three codes a table is for.
enum class Kind { LiteralLength, Offset, MatchLength };

struct KindRules {
  unsigned codes;
  unsigned maximum_accuracy;
  const int8_t* defaults;
  unsigned default_codes;
  unsigned default_accuracy;
};

KindRules rules_of(Kind kind) {
  switch (kind) {
    case Kind::LiteralLength:
      return {kLiteralLengthCodes, 9, kLiteralLengthDefaults, kLiteralLengthCodes, 6};
    case Kind::MatchLength:
      return {kMatchLengthCodes, 9, kMatchLengthDefaults, kMatchLengthCodes, 6};
    default:
      return {kOffsetCodes, 8, kOffsetDefaults, 29, 5};
  }
}

Code code_of(Kind kind, unsigned code) {
  return kind == Kind::LiteralLength ? literal_length_code(code)
         : kind == Kind::MatchLength ? match_length_code(code)
                                     : offset_code(code);
}

bool fill(Kind kind, const FseDistribution& distribution, SequenceTable* table) {
  FseState states[512];
  if (!build_fse_states(distribution, states)) return false;
  table->accuracy = distribution.accuracy;
  for (uint32_t i = 0; i < 1u << distribution.accuracy; ++i) {
    const Code code = code_of(kind, states[i].symbol);
    table->entries[i] = {code.base, code.bits, states[i].bits, states[i].baseline};
  }
  table->is_valid = true;
  return true;
}

constexpr size_t kDamaged = SIZE_MAX;

/// Makes a table ready in one of the four modes. Returns the bytes it took, or kDamaged.
size_t read_table(Kind kind, unsigned mode, const uint8_t* data, size_t size,
                  SequenceTable* table) {
  const KindRules rules = rules_of(kind);
  FseDistribution distribution;
  switch (mode) {
    case 0:
      distribution.symbols = rules.default_codes;
      distribution.accuracy = rules.default_accuracy;
      for (unsigned i = 0; i < rules.default_codes; ++i) distribution.counts[i] = rules.defaults[i];
      return fill(kind, distribution, table) ? 0 : kDamaged;
    case 1: {
      if (size < 1 || data[0] >= rules.codes) return kDamaged;
      const Code code = code_of(kind, data[0]);
      table->entries[0] = {code.base, code.bits, 0, 0};
      table->accuracy = 0;
      table->is_valid = true;
      return 1;
    }
    case 2: {
      const size_t taken =
          read_fse_distribution(data, size, rules.maximum_accuracy, rules.codes, &distribution);
      return taken > 0 && fill(kind, distribution, table) ? taken : kDamaged;
    }
    default:
      return table->is_valid ? 0 : kDamaged;
  }
}

}  // namespace

size_t ZstdDecoder::read_sequence_tables(const uint8_t* data, size_t size, uint8_t modes) {
  const struct {
    Kind kind;
    unsigned mode;
    SequenceTable* table;
  } tables[] = {{Kind::LiteralLength, modes >> 6 & 3u, &literal_lengths_},
                {Kind::Offset, modes >> 4 & 3u, &offsets_},
                {Kind::MatchLength, modes >> 2 & 3u, &match_lengths_}};
  size_t at = 0;
  for (const auto& each : tables) {
    const size_t taken = read_table(each.kind, each.mode, data + at, size - at, each.table);
    if (taken > size - at) return kDamaged;
    at += taken;
  }
  return at;
}

bool ZstdDecoder::run_sequences(const uint8_t* data, size_t size, uint32_t count) {
  BackwardBits bits;
  if (!bits.start(data, size)) return false;
  bits.refill();
  uint64_t literal_state = bits.read(literal_lengths_.accuracy);
  uint64_t offset_state = bits.read(offsets_.accuracy);
  uint64_t match_state = bits.read(match_lengths_.accuracy);
  for (;;) {
    const SequenceTable::Entry literal = literal_lengths_.entries[literal_state];
    const SequenceTable::Entry offset_entry = offsets_.entries[offset_state];
    const SequenceTable::Entry match = match_lengths_.entries[match_state];
    // At most 31 + 16 bits, then at most 16 + 9 + 9 + 8.
    bits.refill();
    uint32_t offset = offset_entry.base + static_cast<uint32_t>(bits.read(offset_entry.extra_bits));
    const size_t match_length = match.base + bits.read(match.extra_bits);
    bits.refill();
    const size_t literal_length = literal.base + bits.read(literal.extra_bits);

    // Offsets 1 to 3 stand for recent ones (3.1.1.5).
    if (offset > 3) {
      offset -= 3;
      repeated_[2] = repeated_[1];
      repeated_[1] = repeated_[0];
      repeated_[0] = offset;
    } else {
      const uint32_t index = offset - 1 + (literal_length == 0);
      offset = index == 3 ? repeated_[0] - 1 : repeated_[index];
      if (index != 0) {
        if (index != 1) repeated_[2] = repeated_[1];
        repeated_[1] = repeated_[0];
        repeated_[0] = offset;
      }
    }
    if (bits.is_overrun() || !copy_sequence(literal_length, match_length, offset)) return false;
    if (--count == 0) {
      bits.refill();
      return bits.is_finished();
    }
    literal_state = literal.next + bits.read(literal.state_bits);
    match_state = match.next + bits.read(match.state_bits);
    offset_state = offset_entry.next + bits.read(offset_entry.state_bits);
  }
}

bool ZstdDecoder::copy_literals(size_t count) {
  if (count > literals_left_ || count > static_cast<size_t>(output_end_ - output_)) return false;
  memcpy(output_, literals_, count);
  output_ += count;
  literals_ += count;
  literals_left_ -= count;
  return true;
}

bool ZstdDecoder::copy_sequence(size_t literals, size_t match, size_t offset) {
  constexpr size_t kSlack = 16;
  const size_t room = static_cast<size_t>(output_end_ - output_);
  if (literals <= kSlack && room >= kSlack && literals_left_ >= kSlack) {
    // The common case: copies more than is wanted, which the match overwrites.
    store(output_, load<uint64_t>(literals_));
    store(output_ + 8, load<uint64_t>(literals_ + 8));
    output_ += literals;
    literals_ += literals;
    literals_left_ -= literals;
  } else if (!copy_literals(literals)) {
    return false;
  }
  if (offset == 0 || offset > static_cast<size_t>(output_ - output_start_) ||
      match > static_cast<size_t>(output_end_ - output_))
    return false;
  uint8_t* to = output_;
  const uint8_t* from = to - offset;
  uint8_t* const end = to + match;
  output_ = end;
  if (offset >= 8 && static_cast<size_t>(output_end_ - end) >= 8) {
    do {
      store(to, load<uint64_t>(from));
      to += 8;
      from += 8;
    } while (to < end);
  } else {
    while (to < end) *to++ = *from++;
  }
  return true;
}

}  // namespace loader
