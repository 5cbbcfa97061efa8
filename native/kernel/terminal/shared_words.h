// Words of a terminal's block. Sequentially consistent: each side writes, then looks whether the other waits.
#pragma once

#include <stdint.h>

namespace runtime {
namespace terminal_words {

inline uint32_t load(const uint32_t& word) { return __atomic_load_n(&word, __ATOMIC_SEQ_CST); }
inline void store(uint32_t& word, uint32_t value) {
  __atomic_store_n(&word, value, __ATOMIC_SEQ_CST);
}

}  // namespace terminal_words
}  // namespace runtime
