// The ChaCha20 block function, RFC 8439 section 2.3.
#pragma once

#include <stdint.h>

namespace runtime {

constexpr unsigned kChaCha20KeyWords = 8;
constexpr unsigned kChaCha20BlockBytes = 64;

/// Writes the 64-byte key stream block of `key`, block number `counter` and `nonce` (as words in
/// little-endian order).
void chacha20_block(const uint32_t key[kChaCha20KeyWords], uint32_t counter,
                    const uint32_t nonce[3], uint8_t output[kChaCha20BlockBytes]);

}  // namespace runtime
