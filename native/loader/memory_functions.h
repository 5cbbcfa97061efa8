// What the compiler expects of every program, and loads and stores of unaligned words.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {
void* memcpy(void* to, const void* from, size_t size);
void* memset(void* to, int value, size_t size);
int memcmp(const void* left, const void* right, size_t size);
}

namespace loader {

/// A little-endian word at any address.
template <typename T>
inline T load(const void* from) {
  T value;
  __builtin_memcpy(&value, from, sizeof(value));
  return value;
}

/// Stores a word at any address.
template <typename T>
inline void store(void* to, T value) {
  __builtin_memcpy(to, &value, sizeof(value));
}

template <typename T>
constexpr T align_up(T value, T boundary) {
  return (value + boundary - 1) / boundary * boundary;
}

}  // namespace loader
