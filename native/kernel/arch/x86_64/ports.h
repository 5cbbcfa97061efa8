// Port input and output (SDM volume 1, chapter 19).
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace runtime {

inline uint8_t in8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline uint16_t in16(uint16_t port) {
  uint16_t value;
  asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline uint32_t in32(uint16_t port) {
  uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline void out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
inline void out16(uint16_t port, uint16_t value) {
  asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
inline void out32(uint16_t port, uint32_t value) {
  asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
/// Writes `size` bytes to one port. A hypervisor handles the string in one exit, not one per byte.
inline void out8_string(uint16_t port, const void* bytes, size_t size) {
  asm volatile("rep outsb" : "+S"(bytes), "+c"(size) : "d"(port) : "memory");
}

/// Reads `size` bytes from one port, also in few exits.
inline void in8_string(uint16_t port, void* bytes, size_t size) {
  asm volatile("rep insb" : "+D"(bytes), "+c"(size) : "d"(port) : "memory");
}

/// Tells the CPU that this is a waiting loop.
inline void cpu_relax() { asm volatile("pause" : : : "memory"); }

}  // namespace runtime
