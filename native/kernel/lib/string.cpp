#include "lib/string.h"

#include "lib/move.h"
#include "lib/new.h"

// The compiler must not turn the loops below into calls of the very functions they implement.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#ifndef RUNTIME_HOST_TEST

namespace {

/// Eight bytes at any address.
typedef uint64_t Word __attribute__((may_alias, aligned(1)));
typedef uint32_t HalfWord __attribute__((may_alias, aligned(1)));

/// From this size on the string instructions beat the loops on hardware. QEMU's translator runs them
/// element by element and so prefers the loops at any size; pages, the most frequent case, stay
/// below.
constexpr size_t kStringInstructionMinimum = 8192;
constexpr size_t kUnrolledBytes = 32;

Word* words(void* memory) { return static_cast<Word*>(memory); }
const Word* words(const void* memory) { return static_cast<const Word*>(memory); }

/// Copies 8 to 16 bytes; the two words may overlap, so both are loaded before either is stored.
void copy_two_words(char* to, const char* from, size_t size) {
  const uint64_t head = *words(from);
  const uint64_t tail = *words(from + size - 8);
  *words(to) = head;
  *words(to + size - 8) = tail;
}

/// Copies at most 16 bytes; the ranges may overlap.
void copy_small(char* to, const char* from, size_t size) {
  if (size >= 8) {
    copy_two_words(to, from, size);
  } else if (size >= 4) {
    const uint32_t head = *reinterpret_cast<const HalfWord*>(from);
    const uint32_t tail = *reinterpret_cast<const HalfWord*>(from + size - 4);
    *reinterpret_cast<HalfWord*>(to) = head;
    *reinterpret_cast<HalfWord*>(to + size - 4) = tail;
  } else if (size) {
    const char first = from[0];
    const char middle = from[size / 2];
    const char last = from[size - 1];
    to[0] = first;
    to[size / 2] = middle;
    to[size - 1] = last;
  }
}

/// Copies more than 16 bytes upwards. Right for overlapping ranges when `to` is below `from`.
void copy_upwards(char* to, const char* from, size_t size) {
  // The last word is loaded first: an overlapping copy may overwrite it before its turn.
  const uint64_t tail = *words(from + size - 8);
  char* const last = to + size - 8;
  size_t count = (size - 1) / 8;  // whole words before the last, which is stored separately
  if (size >= kStringInstructionMinimum) {
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  } else {
    for (; count >= 4; count -= 4, to += kUnrolledBytes, from += kUnrolledBytes) {
      const uint64_t a = words(from)[0];
      const uint64_t b = words(from)[1];
      const uint64_t c = words(from)[2];
      const uint64_t d = words(from)[3];
      words(to)[0] = a;
      words(to)[1] = b;
      words(to)[2] = c;
      words(to)[3] = d;
    }
    for (; count; --count, to += 8, from += 8) *words(to) = *words(from);
  }
  *words(last) = tail;
}

/// Copies more than 16 bytes downwards, for overlapping ranges with `to` above `from`.
void copy_downwards(char* to, const char* from, size_t size) {
  const uint64_t head = *words(from);
  for (size_t end = size; end > 8; end -= 8) *words(to + end - 8) = *words(from + end - 8);
  *words(to) = head;
}

}  // namespace

extern "C" void* memcpy(void* destination, const void* source, size_t size) {
  char* const to = static_cast<char*>(destination);
  const char* const from = static_cast<const char*>(source);
  if (size <= 16) {
    copy_small(to, from, size);
  } else {
    copy_upwards(to, from, size);
  }
  return destination;
}

extern "C" void* memmove(void* destination, const void* source, size_t size) {
  char* const to = static_cast<char*>(destination);
  const char* const from = static_cast<const char*>(source);
  if (size <= 16) {
    copy_small(to, from, size);
  } else if (reinterpret_cast<uintptr_t>(to) - reinterpret_cast<uintptr_t>(from) >= size) {
    copy_upwards(to, from, size);  // no overlap, or the destination lies below the source
  } else {
    copy_downwards(to, from, size);
  }
  return destination;
}

extern "C" void* memset(void* destination, int value, size_t size) {
  char* to = static_cast<char*>(destination);
  const uint64_t pattern = 0x0101010101010101ull * static_cast<uint8_t>(value);
  if (size < 8) {
    for (size_t i = 0; i < size; ++i) to[i] = static_cast<char>(value);
    return destination;
  }
  *words(to + size - 8) = pattern;
  size_t count = size / 8;
  if (size >= kStringInstructionMinimum) {
    asm volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(pattern) : "memory");
  } else {
    for (; count >= 4; count -= 4, to += kUnrolledBytes) {
      words(to)[0] = pattern;
      words(to)[1] = pattern;
      words(to)[2] = pattern;
      words(to)[3] = pattern;
    }
    for (; count; --count, to += 8) *words(to) = pattern;
  }
  return destination;
}

extern "C" int memcmp(const void* a, const void* b, size_t size) {
  const uint8_t* left = static_cast<const uint8_t*>(a);
  const uint8_t* right = static_cast<const uint8_t*>(b);
  while (size >= 8 &&
         *words(static_cast<const void*>(left)) == *words(static_cast<const void*>(right))) {
    left += 8;
    right += 8;
    size -= 8;
  }
  for (; size; --size, ++left, ++right) {
    if (*left != *right) return *left < *right ? -1 : 1;
  }
  return 0;
}

extern "C" size_t strlen(const char* text) {
  size_t length = 0;
  while (text[length]) ++length;
  return length;
}

#endif  // RUNTIME_HOST_TEST

namespace runtime {

String& String::operator=(String&& other) {
  swap_values(data_, other.data_);
  swap_values(size_, other.size_);
  return *this;
}

String::~String() { deallocate(data_); }

bool String::assign(StringView text) {
  char* const copy = static_cast<char*>(allocate(text.size + 1));
  if (!copy) return false;
  memcpy(copy, text.data, text.size);
  copy[text.size] = '\0';
  deallocate(data_);
  data_ = copy;
  size_ = text.size;
  return true;
}

}  // namespace runtime
