// Intrusive reference counting: RefCounted objects, RefPtr handles.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/move.h"

namespace runtime {

/// Base of objects shared by handles. Starts with one reference, which `RefPtr::adopt` takes over.
class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void retain() { __atomic_add_fetch(&references_, 1, __ATOMIC_RELAXED); }
  void release() {
    if (__atomic_sub_fetch(&references_, 1, __ATOMIC_ACQ_REL) == 0) last_reference_gone();
  }
  uint32_t reference_count() const { return __atomic_load_n(&references_, __ATOMIC_RELAXED); }

 protected:
  virtual ~RefCounted() = default;
  /// Runs when nobody refers to the object any more; the default deletes it.
  virtual void last_reference_gone() { delete this; }

 private:
  uint32_t references_ = 1;
};

/// A counted handle to a RefCounted object; may be empty.
template <typename T>
class RefPtr {
 public:
  RefPtr() = default;
  RefPtr(decltype(nullptr)) {}  // NOLINT: implicit by design
  explicit RefPtr(T* object) : object_(object) {
    if (object_) object_->retain();
  }
  RefPtr(const RefPtr& other) : object_(other.object_) {
    if (object_) object_->retain();
  }
  RefPtr(RefPtr&& other) : object_(other.object_) { other.object_ = nullptr; }
  template <typename U>
  RefPtr(const RefPtr<U>& other) : object_(other.get()) {  // NOLINT: upcast
    if (object_) object_->retain();
  }
  ~RefPtr() {
    if (object_) object_->release();
  }
  RefPtr& operator=(const RefPtr& other) {
    RefPtr copy(other);
    swap_values(object_, copy.object_);
    return *this;
  }
  RefPtr& operator=(RefPtr&& other) {
    RefPtr taken(move(other));
    swap_values(object_, taken.object_);
    return *this;
  }

  /// Takes over the reference that a fresh object starts with. Null stays null.
  static RefPtr adopt(T* object) {
    RefPtr result;
    result.object_ = object;
    return result;
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const RefPtr& other) const { return object_ == other.object_; }
  bool operator!=(const RefPtr& other) const { return object_ != other.object_; }

 private:
  T* object_ = nullptr;
};

}  // namespace runtime
