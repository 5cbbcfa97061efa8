// A random generator over ChaCha20 with fast key erasure (D. J. Bernstein, "Fast-key-erasure
// random-number generators", 2017), and an absorbing input. Pure: the caller locks and seeds.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/chacha20.h"

namespace runtime {

class RandomPool {
 public:
  /// Mixes `size` bytes into the key. What the pool knew is never lost: the new key depends on the
  /// old one and on every byte, and cannot be turned back into either.
  void add(const void* data, size_t size);
  /// Fills `buffer`. The key that made the output is gone when this returns, so output cannot be
  /// recomputed from a later state of the pool.
  void generate(void* buffer, size_t size);

 private:
  void absorb(const uint8_t block[32]);

  uint32_t key_[kChaCha20KeyWords] = {};
};

}  // namespace runtime
