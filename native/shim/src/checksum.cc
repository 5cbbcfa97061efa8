#include "checksum.h"

#include <cstring>

namespace runtime {
namespace {

uint64_t Load64(const uint8_t* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

// Adding modulo 2^64 - 1, and so folding to 16 bits at the end, is adding modulo 2^16 - 1.
uint64_t AddWithCarry(uint64_t a, uint64_t b) {
  const uint64_t sum = a + b;
  return sum + (sum < a);
}

uint32_t Fold(uint64_t sum) {
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<uint32_t>(sum);
}

}  // namespace

uint32_t InternetChecksum(const uint8_t* bytes, size_t length, uint64_t sum) {
  // Words are added as this CPU reads them, low byte first: that sum, with its two bytes swapped, is
  // the one wanted (RFC 1071, 2 (B)). Two chains, so that additions overlap.
  uint64_t even = 0;
  uint64_t odd = 0;
  uint64_t carries = 0;
  while (length >= 32) {
    const uint64_t word0 = Load64(bytes);
    const uint64_t word1 = Load64(bytes + 8);
    const uint64_t word2 = Load64(bytes + 16);
    const uint64_t word3 = Load64(bytes + 24);
    even += word0;
    carries += even < word0;
    odd += word1;
    carries += odd < word1;
    even += word2;
    carries += even < word2;
    odd += word3;
    carries += odd < word3;
    bytes += 32;
    length -= 32;
  }
  uint64_t total = AddWithCarry(AddWithCarry(even, odd), carries);
  while (length >= 8) {
    total = AddWithCarry(total, Load64(bytes));
    bytes += 8;
    length -= 8;
  }
  uint64_t tail = 0;
  std::memcpy(&tail, bytes, length);  // its missing bytes are the padding
  const uint32_t folded = Fold(AddWithCarry(total, tail));
  const uint32_t swapped = (folded >> 8 | folded << 8) & 0xffff;
  return Fold(AddWithCarry(sum, swapped));
}

}  // namespace runtime
