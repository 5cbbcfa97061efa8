// Basic types of the kernel: distinct types for physical and virtual addresses, page arithmetic.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace runtime {

constexpr uint64_t kPageSize = 4096;
constexpr uint64_t kPageShift = 12;
constexpr uint64_t kLargePageSize = 2 * 1024 * 1024;

/// An address on the memory bus. Never dereferenced: `phys_to_virt` turns it into a pointer.
struct PhysAddr {
  uint64_t value = 0;

  constexpr PhysAddr() = default;
  constexpr explicit PhysAddr(uint64_t v) : value(v) {}

  constexpr PhysAddr operator+(uint64_t offset) const { return PhysAddr(value + offset); }
  constexpr bool operator==(PhysAddr other) const { return value == other.value; }
  constexpr bool operator!=(PhysAddr other) const { return value != other.value; }
  constexpr bool operator<(PhysAddr other) const { return value < other.value; }
  constexpr uint64_t frame_number() const { return value >> kPageShift; }
};

constexpr uint64_t align_down(uint64_t value, uint64_t alignment) {
  return value & ~(alignment - 1);
}
constexpr uint64_t align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

template <typename T>
constexpr T min_of(T a, T b) {
  return a < b ? a : b;
}
template <typename T>
constexpr T max_of(T a, T b) {
  return a > b ? a : b;
}

template <typename T, size_t N>
constexpr size_t array_size(const T (&)[N]) {
  return N;
}

}  // namespace runtime
