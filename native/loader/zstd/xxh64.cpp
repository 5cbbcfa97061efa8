#include "zstd/zstd.h"

namespace loader {

namespace {

constexpr uint64_t kPrime1 = 0x9e3779b185ebca87ull;
constexpr uint64_t kPrime2 = 0xc2b2ae3d27d4eb4full;
constexpr uint64_t kPrime3 = 0x165667b19e3779f9ull;
constexpr uint64_t kPrime4 = 0x85ebca77c2b2ae63ull;
constexpr uint64_t kPrime5 = 0x27d4eb2f165667c5ull;

uint64_t rotate(uint64_t value, unsigned count) { return value << count | value >> (64 - count); }
uint64_t round_of(uint64_t lane, uint64_t word) {
  return rotate(lane + word * kPrime2, 31) * kPrime1;
}

}  // namespace

uint64_t xxh64(const uint8_t* data, size_t size) {
  const uint8_t* const end = data + size;
  uint64_t hash = kPrime5;
  if (size >= 32) {
    uint64_t lanes[4] = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
    for (; end - data >= 32; data += 32) {
      lanes[0] = round_of(lanes[0], load<uint64_t>(data));
      lanes[1] = round_of(lanes[1], load<uint64_t>(data + 8));
      lanes[2] = round_of(lanes[2], load<uint64_t>(data + 16));
      lanes[3] = round_of(lanes[3], load<uint64_t>(data + 24));
    }
    hash = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (unsigned i = 0; i < 4; ++i) hash = (hash ^ round_of(0, lanes[i])) * kPrime1 + kPrime4;
  }
  hash += size;
  for (; end - data >= 8; data += 8)
    hash = rotate(hash ^ round_of(0, load<uint64_t>(data)), 27) * kPrime1 + kPrime4;
  for (; end - data >= 4; data += 4)
    hash = rotate(hash ^ load<uint32_t>(data) * kPrime1, 23) * kPrime2 + kPrime3;
  for (; data < end; ++data) hash = rotate(hash ^ *data * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

}  // namespace loader
