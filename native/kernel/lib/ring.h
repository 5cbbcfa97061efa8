// A byte ring over kernel pages that are taken as bytes arrive and given back as they leave.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/result.h"
#include "lib/vector.h"
#include "memory/user.h"

namespace runtime {

/// First in, first out, by the byte. The owner serialises all calls with a lock that may be held
/// while application memory is copied (sync/mutex.h); only `used` and `free_space` may be called
/// without it.
class Ring {
 public:
  Ring() = default;
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  /// Sets the capacity in bytes, a multiple of the page size; content stays. Errors: Busy when the
  /// content would not fit, NoMemory. Nothing has changed after an error.
  Result<void> set_capacity(size_t capacity);
  size_t capacity() const { return pages_.size() * kRingPageSize; }
  size_t used() const { return __atomic_load_n(&used_, __ATOMIC_ACQUIRE); }
  size_t free_space() const { return capacity() - used(); }

  /// Appends `size` bytes (at most `free_space`) out of `source`, all of them or, after an error,
  /// none. Errors: Fault, NoMemory.
  Result<void> write(IoBuffer& source, size_t size);
  /// Takes the first `size` bytes (at most `used`) out to `target`. After Fault the ring is as it
  /// was.
  Result<void> read(IoBuffer& target, size_t size);
  /// Copies `size` bytes, the first of which is `offset` bytes after the ring's first, and leaves
  /// them in place. Errors: Fault.
  Result<void> peek(IoBuffer& target, size_t offset, size_t size) const;
  /// Drops the first `size` bytes.
  void discard(size_t size);

 private:
  static constexpr size_t kRingPageSize = 4096;

  /// Length of the piece at `position` that lies in one page, at most `size`.
  static size_t piece_at(size_t position, size_t size);
  Result<void> provide_pages(size_t position, size_t size);
  void release_pages_without_content();
  void release_page(size_t index);

  Vector<uint8_t*> pages_;  // null: not taken
  size_t start_ = 0;        // of the first byte
  size_t used_ = 0;         // atomic: read without the lock
};

}  // namespace runtime
