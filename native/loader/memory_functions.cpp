#include "memory_functions.h"

// Words, not `rep movsb`: an emulator is many times slower at that.
extern "C" void* memcpy(void* to, const void* from, size_t size) {
  uint8_t* target = static_cast<uint8_t*>(to);
  const uint8_t* source = static_cast<const uint8_t*>(from);
  for (; size >= 8; size -= 8, target += 8, source += 8)
    loader::store(target, loader::load<uint64_t>(source));
  for (; size > 0; --size) *target++ = *source++;
  return to;
}

extern "C" void* memset(void* to, int value, size_t size) {
  uint8_t* target = static_cast<uint8_t*>(to);
  const uint64_t word = 0x0101010101010101ull * static_cast<uint8_t>(value);
  for (; size >= 8; size -= 8, target += 8) loader::store(target, word);
  for (; size > 0; --size) *target++ = static_cast<uint8_t>(value);
  return to;
}

extern "C" int memcmp(const void* left, const void* right, size_t size) {
  const uint8_t* a = static_cast<const uint8_t*>(left);
  const uint8_t* b = static_cast<const uint8_t*>(right);
  for (; size > 0; --size, ++a, ++b)
    if (*a != *b) return *a < *b ? -1 : 1;
  return 0;
}
