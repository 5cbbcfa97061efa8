#include "lib/chacha20.h"

#include "lib/string.h"

namespace runtime {

namespace {

inline uint32_t rotate_left(uint32_t value, unsigned count) {
  return (value << count) | (value >> (32 - count));
}

/// RFC 8439 section 2.1.
inline void quarter_round(uint32_t* s, unsigned a, unsigned b, unsigned c, unsigned d) {
  s[a] += s[b];
  s[d] = rotate_left(s[d] ^ s[a], 16);
  s[c] += s[d];
  s[b] = rotate_left(s[b] ^ s[c], 12);
  s[a] += s[b];
  s[d] = rotate_left(s[d] ^ s[a], 8);
  s[c] += s[d];
  s[b] = rotate_left(s[b] ^ s[c], 7);
}

}  // namespace

void chacha20_block(const uint32_t key[kChaCha20KeyWords], uint32_t counter,
                    const uint32_t nonce[3], uint8_t output[kChaCha20BlockBytes]) {
  // "expand 32-byte k", key, counter, nonce (section 2.3).
  const uint32_t initial[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, key[0], key[1],
                                key[2],     key[3],     key[4],     key[5],     key[6], key[7],
                                counter,    nonce[0],   nonce[1],   nonce[2]};
  uint32_t state[16];
  for (unsigned i = 0; i < 16; ++i) state[i] = initial[i];
  for (unsigned round = 0; round < 10; ++round) {
    quarter_round(state, 0, 4, 8, 12);
    quarter_round(state, 1, 5, 9, 13);
    quarter_round(state, 2, 6, 10, 14);
    quarter_round(state, 3, 7, 11, 15);
    quarter_round(state, 0, 5, 10, 15);
    quarter_round(state, 1, 6, 11, 12);
    quarter_round(state, 2, 7, 8, 13);
    quarter_round(state, 3, 4, 9, 14);
  }
  for (unsigned i = 0; i < 16; ++i) state[i] += initial[i];
  memcpy(output, state, kChaCha20BlockBytes);  // x86-64 is little-endian, as the output is
}

}  // namespace runtime
