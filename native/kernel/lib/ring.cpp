#include "lib/ring.h"

#include "lib/types.h"
#include "memory/frames.h"

namespace runtime {

Ring::~Ring() {
  for (size_t i = 0; i < pages_.size(); ++i) release_page(i);
}

Result<void> Ring::set_capacity(size_t capacity) {
  const size_t content = used();
  if (content > capacity) return Errno::Busy;
  Ring resized;
  Result<void> result = resized.pages_.resize(capacity / kRingPageSize);
  if (result.is_error()) return result;
  result = resized.provide_pages(0, content);
  if (result.is_error()) return result;
  for (size_t done = 0; done < content;) {
    const size_t piece = piece_at(done, content - done);
    IoBuffer target = IoBuffer::kernel(resized.pages_[done / kRingPageSize], piece);
    result = peek(target, done, piece);
    if (result.is_error()) return result;
    done += piece;
  }
  swap_values(pages_, resized.pages_);
  start_ = 0;
  return {};
}

Result<void> Ring::write(IoBuffer& source, size_t size) {
  const size_t end = (start_ + used()) % capacity();
  Result<void> result = provide_pages(end, size);
  for (size_t done = 0; done < size && !result.is_error();) {
    const size_t position = (end + done) % capacity();
    const size_t piece = piece_at(position, size - done);
    result = source.get(pages_[position / kRingPageSize] + position % kRingPageSize, piece);
    done += piece;
  }
  if (result.is_error()) {
    release_pages_without_content();
    return result;
  }
  __atomic_store_n(&used_, used() + size, __ATOMIC_RELEASE);
  return {};
}

Result<void> Ring::read(IoBuffer& target, size_t size) {
  Result<void> result = peek(target, 0, size);
  if (result.is_error()) return result;
  discard(size);
  return {};
}

Result<void> Ring::peek(IoBuffer& target, size_t offset, size_t size) const {
  for (size_t done = 0; done < size;) {
    const size_t position = (start_ + offset + done) % capacity();
    const size_t piece = piece_at(position, size - done);
    const uint8_t* bytes = pages_[position / kRingPageSize] + position % kRingPageSize;
    Result<void> result = target.put(bytes, piece);
    if (result.is_error()) return result;
    done += piece;
  }
  return {};
}

void Ring::discard(size_t size) {
  const size_t left = used() - size;
  while (size > 0) {
    const size_t piece = piece_at(start_, size);
    const size_t page = start_ / kRingPageSize;
    const bool page_ends = start_ % kRingPageSize + piece == kRingPageSize;
    start_ = (start_ + piece) % capacity();
    size -= piece;
    // A full ring that starts inside a page holds its last bytes in that page's beginning.
    const bool page_holds_end = left + size + kRingPageSize > capacity();
    if (page_ends && !page_holds_end) release_page(page);
  }
  __atomic_store_n(&used_, left, __ATOMIC_RELEASE);
}

size_t Ring::piece_at(size_t position, size_t size) {
  return min_of(size, kRingPageSize - position % kRingPageSize);
}

Result<void> Ring::provide_pages(size_t position, size_t size) {
  for (size_t done = 0; done < size;) {
    const size_t at = (position + done) % capacity();
    uint8_t*& page = pages_[at / kRingPageSize];
    if (!page) {
      Result<PhysAddr> frame = allocate_frame_uninitialised();
      if (frame.is_error()) return frame.error();
      page = static_cast<uint8_t*>(phys_to_virt(frame.value()));
    }
    done += piece_at(at, size - done);
  }
  return {};
}

void Ring::release_pages_without_content() {
  for (size_t index = 0; index < pages_.size(); ++index) {
    const size_t from_start = (index * kRingPageSize + capacity() - start_) % capacity();
    const bool starts_here = used() && start_ / kRingPageSize == index;
    if (from_start >= used() && !starts_here) release_page(index);
  }
}

void Ring::release_page(size_t index) {
  if (!pages_[index]) return;
  release_frame(virt_to_phys(pages_[index]));
  pages_[index] = nullptr;
}

}  // namespace runtime
