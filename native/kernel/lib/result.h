// Result<T>: a value or an Errno. Every fallible function returns one; ignoring it does not compile.
#pragma once

#include "lib/errno.h"
#include "lib/move.h"

namespace runtime {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(Errno error) : error_(static_cast<int>(error)), value_() {}  // NOLINT: implicit by design
  Result(const T& value) : error_(0), value_(value) {}                // NOLINT
  Result(T&& value) : error_(0), value_(move(value)) {}               // NOLINT

  bool is_error() const { return error_ != 0; }
  Errno error() const { return static_cast<Errno>(error_); }
  T& value() { return value_; }
  const T& value() const { return value_; }
  T take() { return move(value_); }

 private:
  int error_;
  T value_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() : error_(0) {}
  Result(Errno error) : error_(static_cast<int>(error)) {}  // NOLINT: implicit by design

  bool is_error() const { return error_ != 0; }
  Errno error() const { return static_cast<Errno>(error_); }

 private:
  int error_;
};

}  // namespace runtime
