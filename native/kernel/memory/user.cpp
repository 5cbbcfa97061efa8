#include "memory/user.h"

extern "C" uint64_t copy_bytes_guarded(void* destination, const void* source, uint64_t size);
extern "C" uint64_t clear_bytes_guarded(void* destination, uint64_t size);

namespace runtime {

bool is_user_range(uint64_t address, uint64_t size) {
  return size <= kUserEnd && address <= kUserEnd - size;
}

Result<void> copy_to_user(uint64_t destination, const void* source, size_t size) {
  if (!is_user_range(destination, size) ||
      copy_bytes_guarded(reinterpret_cast<void*>(destination), source, size))
    return Errno::Fault;
  return {};
}

Result<void> copy_from_user(void* destination, uint64_t source, size_t size) {
  if (!is_user_range(source, size) ||
      copy_bytes_guarded(destination, reinterpret_cast<const void*>(source), size))
    return Errno::Fault;
  return {};
}

Result<void> clear_user(uint64_t destination, size_t size) {
  if (!is_user_range(destination, size) ||
      clear_bytes_guarded(reinterpret_cast<void*>(destination), size))
    return Errno::Fault;
  return {};
}

Result<size_t> copy_string_from_user(char* destination, uint64_t source, size_t capacity) {
  size_t length = 0;
  while (length < capacity) {
    // Never across a page border in one go: the next page may not be there.
    const size_t to_border = kPageSize - (source + length) % kPageSize;
    const size_t chunk = min_of(min_of<size_t>(to_border, 256), capacity - length);
    Result<void> copied = copy_from_user(destination + length, source + length, chunk);
    if (copied.is_error()) return copied.error();
    for (size_t i = 0; i < chunk; ++i)
      if (destination[length + i] == 0) return length + i;
    length += chunk;
  }
  return Errno::NameTooLong;
}

IoBuffer IoBuffer::vectors(const IoVector* vectors, size_t count) {
  IoBuffer buffer(0, 0, false);
  buffer.vectors_ = vectors;
  buffer.count_ = count;
  for (size_t i = 0; i < count; ++i) buffer.remaining_ += vectors[i].length;
  return buffer;
}

template <typename Move>
Result<void> IoBuffer::transfer(size_t size, Move move_chunk) {
  while (size > 0 && index_ < count_) {
    const uint64_t address = current().base + offset_;
    const size_t available = current().length - offset_;
    // Up to the next page border at most: memory is there, or is not, by whole pages.
    const size_t to_border = is_kernel_ ? available : kPageSize - address % kPageSize;
    const size_t chunk = min_of(min_of(size, available), to_border);
    if (chunk) {
      Result<void> moved = move_chunk(address, chunk);
      if (moved.is_error()) return moved;
    }
    offset_ += chunk;
    remaining_ -= chunk;
    size -= chunk;
    if (offset_ == current().length) {
      ++index_;
      offset_ = 0;
    }
  }
  return {};
}

Result<void> IoBuffer::put(const void* source, size_t size) {
  const char* from = static_cast<const char*>(source);
  const bool kernel = is_kernel_;
  return transfer(size, [&from, kernel](uint64_t address, size_t chunk) -> Result<void> {
    const char* start = from;
    from += chunk;
    if (!kernel) return copy_to_user(address, start, chunk);
    memcpy(reinterpret_cast<void*>(address), start, chunk);
    return {};
  });
}

Result<void> IoBuffer::get(void* destination, size_t size) {
  char* to = static_cast<char*>(destination);
  const bool kernel = is_kernel_;
  return transfer(size, [&to, kernel](uint64_t address, size_t chunk) -> Result<void> {
    char* start = to;
    to += chunk;
    if (!kernel) return copy_from_user(start, address, chunk);
    memcpy(start, reinterpret_cast<const void*>(address), chunk);
    return {};
  });
}

Result<void> IoBuffer::put_zeroes(size_t size) {
  const bool kernel = is_kernel_;
  return transfer(size, [kernel](uint64_t address, size_t chunk) -> Result<void> {
    if (!kernel) return clear_user(address, chunk);
    memset(reinterpret_cast<void*>(address), 0, chunk);
    return {};
  });
}

void IoBuffer::skip(size_t size) {
  (void)transfer(size, [](uint64_t, size_t) -> Result<void> { return {}; }).is_error();
}

}  // namespace runtime
