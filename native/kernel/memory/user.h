// Application memory: pointers that cannot be dereferenced, and copies that check and never fault.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/result.h"
#include "lib/string.h"
#include "lib/types.h"

namespace runtime {

/// First address that no application may use: the end of the lower canonical half.
constexpr uint64_t kUserEnd = 0x00007ffffffff000ull;

/// True when an application may have all of [address, address + size), mapped or not.
bool is_user_range(uint64_t address, uint64_t size);

/// Copies out to application memory. Errors: Fault when part of the range is not writable; the
/// part before it may have been written.
Result<void> copy_to_user(uint64_t destination, const void* source, size_t size);
/// Copies in from application memory. Errors: Fault.
Result<void> copy_from_user(void* destination, uint64_t source, size_t size);
/// Zeroes application memory. Errors: Fault.
Result<void> clear_user(uint64_t destination, size_t size);
/// Copies a NUL-terminated string of at most `capacity` bytes including the NUL; returns its
/// length. Errors: Fault, NameTooLong.
Result<size_t> copy_string_from_user(char* destination, uint64_t source, size_t capacity);

/// A pointer handed in by the application.
template <typename T>
class UserPtr {
 public:
  constexpr UserPtr() : address_(0) {}
  constexpr explicit UserPtr(uint64_t address) : address_(address) {}

  uint64_t address() const { return address_; }
  bool is_null() const { return address_ == 0; }
  explicit operator bool() const { return address_ != 0; }
  UserPtr offset(size_t count) const { return UserPtr(address_ + count * sizeof(T)); }
  template <typename U>
  UserPtr<U> cast() const {
    return UserPtr<U>(address_);
  }

  /// Reads one T. Errors: Fault.
  Result<T> read() const {
    T value;
    Result<void> copied = copy_from_user(&value, address_, sizeof(T));
    if (copied.is_error()) return copied.error();
    return value;
  }
  /// Writes one T. Errors: Fault.
  Result<void> write(const T& value) const { return copy_to_user(address_, &value, sizeof(T)); }
  Result<void> read_array(T* values, size_t count) const {
    return copy_from_user(values, address_, count * sizeof(T));
  }
  Result<void> write_array(const T* values, size_t count) const {
    return copy_to_user(address_, values, count * sizeof(T));
  }

 private:
  uint64_t address_;
};

template <>
class UserPtr<void> {
 public:
  constexpr UserPtr() : address_(0) {}
  constexpr explicit UserPtr(uint64_t address) : address_(address) {}
  uint64_t address() const { return address_; }
  bool is_null() const { return address_ == 0; }
  explicit operator bool() const { return address_ != 0; }
  template <typename U>
  UserPtr<U> cast() const {
    return UserPtr<U>(address_);
  }

 private:
  uint64_t address_;
};

/// A path or name handed in by the application, on its way to be copied.
using UserString = UserPtr<char>;

/// struct iovec of readv(2).
struct IoVector {
  uint64_t base;
  uint64_t length;
};

/// The memory side of a read or a write: one range or a gather list, application's or kernel's.
/// `remaining` shrinks as bytes are copied; when a copy fails, by what was copied before the page
/// that is not there.
class IoBuffer {
 public:
  /// `size` bytes of application memory at `address`.
  static IoBuffer user(uint64_t address, size_t size) { return IoBuffer(address, size, false); }
  /// `size` bytes of kernel memory.
  static IoBuffer kernel(void* memory, size_t size) {
    return IoBuffer(reinterpret_cast<uint64_t>(memory), size, true);
  }
  /// A gather list in kernel memory (already copied in and checked) of application ranges.
  static IoBuffer vectors(const IoVector* vectors, size_t count);

  size_t remaining() const { return remaining_; }
  /// Copies `size` bytes (at most `remaining`) from `source` out to the buffer. Errors: Fault.
  Result<void> put(const void* source, size_t size);
  /// Copies `size` bytes (at most `remaining`) from the buffer to `destination`. Errors: Fault.
  Result<void> get(void* destination, size_t size);
  /// Writes `size` zero bytes. Errors: Fault.
  Result<void> put_zeroes(size_t size);
  /// Skips without copying.
  void skip(size_t size);

 private:
  IoBuffer(uint64_t address, size_t size, bool is_kernel)
      : single_{address, size}, count_(1), remaining_(size), is_kernel_(is_kernel) {}
  const IoVector& current() const { return vectors_ ? vectors_[index_] : single_; }
  template <typename Move>
  Result<void> transfer(size_t size, Move move_chunk);

  IoVector single_;
  const IoVector* vectors_ = nullptr;
  size_t count_;
  size_t index_ = 0;
  size_t offset_ = 0;
  size_t remaining_;
  bool is_kernel_;
};

}  // namespace runtime
