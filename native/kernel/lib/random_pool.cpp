#include "lib/random_pool.h"

#include "lib/string.h"
#include "lib/types.h"

namespace runtime {

namespace {

constexpr size_t kKeyBytes = kChaCha20KeyWords * 4;
/// Separates the uses of the block function, so that no output equals another use's key.
const uint32_t kGenerateNonce[3] = {0, 0, 0};
const uint32_t kAbsorbNonce[3] = {1, 0, 0};

/// Wipes memory in a way that the compiler keeps.
void wipe(void* memory, size_t size) {
  memset(memory, 0, size);
  asm volatile("" : : "r"(memory) : "memory");
}

}  // namespace

void RandomPool::absorb(const uint8_t block[kKeyBytes]) {
  // new key = ChaCha20(old key XOR block), one way thanks to the block function's feed-forward,
  // and XORed with the block function of the old key alone, so that input chosen by somebody who
  // does not know the old key cannot steer the result.
  uint8_t carried[kChaCha20BlockBytes];
  chacha20_block(key_, 0, kAbsorbNonce, carried);
  uint32_t words[kChaCha20KeyWords];
  memcpy(words, block, kKeyBytes);
  for (unsigned i = 0; i < kChaCha20KeyWords; ++i) words[i] ^= key_[i];
  uint8_t mixed[kChaCha20BlockBytes];
  chacha20_block(words, 1, kAbsorbNonce, mixed);
  for (size_t i = 0; i < kKeyBytes; ++i) mixed[i] ^= carried[i];
  memcpy(key_, mixed, kKeyBytes);
  wipe(carried, sizeof(carried));
  wipe(mixed, sizeof(mixed));
  wipe(words, sizeof(words));
}

void RandomPool::add(const void* data, size_t size) {
  const uint8_t* bytes = static_cast<const uint8_t*>(data);
  uint8_t block[kKeyBytes];
  while (size) {
    const size_t part = min_of(size, kKeyBytes - 1);
    memset(block, 0, sizeof(block));
    memcpy(block, bytes, part);
    block[kKeyBytes - 1] = static_cast<uint8_t>(part);  // so that trailing zeroes count
    absorb(block);
    bytes += part;
    size -= part;
  }
  wipe(block, sizeof(block));
}

void RandomPool::generate(void* buffer, size_t size) {
  if (size == 0) return;
  uint8_t* bytes = static_cast<uint8_t*>(buffer);
  uint8_t block[kChaCha20BlockBytes];
  // Block 0 holds the next key and 32 bytes of output; the rest comes from blocks 1, 2, ...
  uint32_t current[kChaCha20KeyWords];
  memcpy(current, key_, sizeof(current));
  chacha20_block(current, 0, kGenerateNonce, block);
  memcpy(key_, block, kKeyBytes);
  size_t part = min_of(size, kChaCha20BlockBytes - kKeyBytes);
  memcpy(bytes, block + kKeyBytes, part);
  for (uint32_t counter = 1; part < size; ++counter) {
    bytes += part;
    size -= part;
    chacha20_block(current, counter, kGenerateNonce, block);
    part = min_of(size, static_cast<size_t>(kChaCha20BlockBytes));
    memcpy(bytes, block, part);
  }
  wipe(block, sizeof(block));
  wipe(current, sizeof(current));
}

}  // namespace runtime
