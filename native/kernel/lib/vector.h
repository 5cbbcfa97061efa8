// Growable array whose growth can fail.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/move.h"
#include "lib/new.h"
#include "lib/result.h"

namespace runtime {

template <typename T>
class Vector {
 public:
  Vector() = default;
  Vector(const Vector&) = delete;
  Vector& operator=(const Vector&) = delete;
  Vector(Vector&& other) : items_(other.items_), size_(other.size_), capacity_(other.capacity_) {
    other.items_ = nullptr;
    other.size_ = other.capacity_ = 0;
  }
  Vector& operator=(Vector&& other) {
    swap_values(items_, other.items_);
    swap_values(size_, other.size_);
    swap_values(capacity_, other.capacity_);
    return *this;
  }
  ~Vector() {
    clear();
    deallocate(items_);
  }

  size_t size() const { return size_; }
  bool is_empty() const { return size_ == 0; }
  T* data() { return items_; }
  T& operator[](size_t index) { return items_[index]; }
  const T& operator[](size_t index) const { return items_[index]; }
  T* begin() { return items_; }
  T* end() { return items_ + size_; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + size_; }
  T& back() { return items_[size_ - 1]; }

  /// Makes room for `capacity` elements. Errors: NoMemory, and nothing has changed then.
  Result<void> reserve(size_t capacity) {
    if (capacity <= capacity_) return {};
    size_t grown = capacity_ ? capacity_ * 2 : 4;
    if (grown < capacity) grown = capacity;
    T* items = static_cast<T*>(allocate(grown * sizeof(T)));
    if (!items) return Errno::NoMemory;
    for (size_t i = 0; i < size_; ++i) {
      new (&items[i]) T(move(items_[i]));
      items_[i].~T();
    }
    deallocate(items_);
    items_ = items;
    capacity_ = grown;
    return {};
  }
  /// Appends. Errors: NoMemory.
  Result<void> push(T value) {
    Result<void> room = reserve(size_ + 1);
    if (room.is_error()) return room;
    new (&items_[size_++]) T(move(value));
    return {};
  }
  /// Inserts before `index`. Errors: NoMemory.
  Result<void> insert(size_t index, T value) {
    Result<void> room = reserve(size_ + 1);
    if (room.is_error()) return room;
    new (&items_[size_]) T();
    for (size_t i = size_; i > index; --i) items_[i] = move(items_[i - 1]);
    items_[index] = move(value);
    ++size_;
    return {};
  }
  /// Sets the size, default-constructing or destroying at the end. Errors: NoMemory.
  Result<void> resize(size_t size) {
    Result<void> room = reserve(size);
    if (room.is_error()) return room;
    while (size_ > size) items_[--size_].~T();
    while (size_ < size) new (&items_[size_++]) T();
    return {};
  }
  void remove(size_t index) {
    for (size_t i = index; i + 1 < size_; ++i) items_[i] = move(items_[i + 1]);
    items_[--size_].~T();
  }
  /// Removes `count` elements from `index` on.
  void remove_range(size_t index, size_t count) {
    if (count == 0) return;
    for (size_t i = index; i + count < size_; ++i) items_[i] = move(items_[i + count]);
    while (count--) items_[--size_].~T();
  }
  void pop() { items_[--size_].~T(); }
  void clear() {
    while (size_) items_[--size_].~T();
  }

 private:
  T* items_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace runtime
