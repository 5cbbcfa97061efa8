// The frozen state that an image carries, and whether this machine can go on from it.
#pragma once

#include "lib/result.h"
#include "lib/string.h"
#include "linux/exec.h"
#include "warm/frozen_state.h"

namespace runtime {

/// A state and the content of its pages, both in place in the boot image.
class FrozenProcess {
 public:
  /// Takes a state that another program has handled. Returns null, or why it cannot be used, as the end of a
  /// sentence; then the process starts as usual. Pure.
  const char* open(StringView state, StringView pages);
  /// Why this machine, this kernel or these arguments are not those that the process was frozen with; null when
  /// they are.
  const char* difference_of_machine() const;
  const char* difference_of_program(const ProgramStart& start) const;

  const FrozenHeader& header() const { return *header_; }
  StringView content() const { return pages_; }
  /// A NUL-terminated path; empty when it lies outside.
  StringView text(uint64_t place) const;
  /// `size` bytes; empty when they lie outside.
  StringView bytes(uint64_t place, uint64_t size) const;

  const FrozenPage* pages() const { return table<FrozenPage>(header_->pages); }
  const FrozenArea* areas() const { return table<FrozenArea>(header_->areas); }
  const FrozenThread* threads() const { return table<FrozenThread>(header_->threads); }
  const FrozenFile* files() const { return table<FrozenFile>(header_->files); }
  const FrozenDescriptor* descriptors() const {
    return table<FrozenDescriptor>(header_->descriptors);
  }
  const FrozenWatch* watches() const { return table<FrozenWatch>(header_->watches); }

 private:
  template <typename T>
  const T* table(const FrozenTable& where) const {
    return reinterpret_cast<const T*>(state_.data + where.offset);
  }
  template <typename T>
  bool fits(const FrozenTable& where) const {
    return where.offset % 8 == 0 && where.offset <= state_.size &&
           where.count <= (state_.size - where.offset) / sizeof(T);
  }
  const char* check_tables() const;

  StringView state_;
  StringView pages_;
  const FrozenHeader* header_ = nullptr;
};

}  // namespace runtime
