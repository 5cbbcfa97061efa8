#include "linux/fs/regular.h"

#include "lib/string.h"
#include "linux/fs/inode_file.h"
#include "memory/frames.h"

namespace runtime {

namespace {

constexpr uint64_t kLeastReserve = 4 * 1024 * 1024;
/// Bytes that one copy from the image moves at most, so that a fault reports a near count.
constexpr uint64_t kImageChunk = 256 * 1024;

uint64_t owned_frames = 0;

char* page_memory(PhysAddr frame) { return static_cast<char*>(phys_to_virt(frame)); }

uint64_t reserve(const FrameStatistics& figures) {
  return max_of(figures.total / 16, kLeastReserve);
}

}  // namespace

bool files_may_take(uint64_t frames) {
  const FrameStatistics figures = frame_statistics();
  return figures.free >= reserve(figures) &&
         (figures.free - reserve(figures)) / kPageSize >= frames;
}

uint64_t file_bytes() { return __atomic_load_n(&owned_frames, __ATOMIC_RELAXED) * kPageSize; }

uint64_t file_bytes_free() {
  const FrameStatistics figures = frame_statistics();
  return figures.free > reserve(figures) ? figures.free - reserve(figures) : 0;
}

RegularInode::~RegularInode() { drop_pages(0); }

void RegularInode::set_image(const char* data, uint64_t size) {
  content_.with([&](Content& content) {
    content.image = data;
    content.image_size = content.size = size;
  });
}

uint64_t RegularInode::size() {
  return content_.with([](Content& content) { return content.size; });
}

uint64_t RegularInode::allocated_bytes() {
  return content_.with([](Content& content) {
    return (content.owned + image_pages(content) - content.replaced) * kPageSize;
  });
}

Result<RefPtr<File>> RegularInode::open(int flags) {
  RegularFile* file = new RegularFile(RefPtr<RegularInode>(this), flags);
  if (!file) return Errno::NoMemory;
  return RefPtr<File>(RefPtr<RegularFile>::adopt(file));
}

uint64_t RegularInode::image_pages(const Content& content) {
  return align_up(content.image_size, kPageSize) / kPageSize;
}

RegularInode::PageView RegularInode::view_locked(Content& content, uint64_t index) {
  PageView view;
  const uint64_t entry = content.pages.get(index);
  if (entry == kHole) return view;
  if (entry) {
    view.frame = PhysAddr(entry);
    view.is_owned = true;
    retain_frame(view.frame);
    view.bytes = page_memory(view.frame);
    view.valid = kPageSize;
    return view;
  }
  const uint64_t start = index * kPageSize;
  if (start < content.image_size) {
    view.bytes = content.image + start;
    view.valid = min_of(content.image_size - start, kPageSize);
  }
  return view;
}

RegularInode::PageView RegularInode::view(uint64_t index) {
  return content_.with([&](Content& content) { return view_locked(content, index); });
}

Result<size_t> RegularInode::read_at(IoBuffer& buffer, uint64_t offset) {
  const size_t wanted = buffer.remaining();
  while (buffer.remaining()) {
    const char* image = nullptr;
    uint64_t chunk = 0;
    const uint64_t start = offset % kPageSize;
    PageView page;
    content_.with([&](Content& content) {
      if (offset >= content.size) return;
      chunk = min_of<uint64_t>(buffer.remaining(), content.size - offset);
      uint64_t run_end = content.image_size;  // the image holds all bytes up to there
      uint64_t changed = 0;
      uint64_t value = 0;
      if (offset < run_end && content.pages.next(offset / kPageSize, &changed, &value)) {
        run_end = min_of(run_end, changed * kPageSize);
      }
      if (offset < run_end) {
        image = content.image + offset;
        chunk = min_of(min_of(chunk, run_end - offset), kImageChunk);
      } else {
        chunk = min_of(chunk, kPageSize - start);
        page = view_locked(content, offset / kPageSize);
      }
    });
    if (chunk == 0) break;
    const size_t before = buffer.remaining();
    Result<void> copied;
    if (image) {
      copied = buffer.put(image, chunk);
    } else {
      const uint64_t valid = page.valid > start ? min_of(page.valid - start, chunk) : 0;
      if (valid) copied = buffer.put(page.bytes + start, valid);
      if (!copied.is_error() && chunk > valid) copied = buffer.put_zeroes(chunk - valid);
      if (page.is_owned) release_frame(page.frame);
    }
    if (copied.is_error()) {
      const size_t done = wanted - buffer.remaining();
      if (done == 0) return copied.error();
      return done;
    }
    offset += before - buffer.remaining();
  }
  return wanted - buffer.remaining();
}

/// Puts `frame` (whose reference moves) at `index`, which has no frame yet.
Result<void> RegularInode::publish_locked(Content& content, uint64_t index, PhysAddr frame) {
  const uint64_t old_entry = content.pages.get(index);
  Result<void> set = content.pages.set(index, frame.value);
  if (set.is_error()) return set;
  if (!old_entry && index < image_pages(content)) ++content.replaced;
  ++content.owned;
  __atomic_add_fetch(&owned_frames, 1, __ATOMIC_RELAXED);
  return {};
}

/// The owned frame of page `index`, made from the image or of zeroes when there is none, with a
/// reference for the caller. Errors: NoSpace when `respect_reserve` and memory is short, NoMemory.
/// Mappings of a page of the image see the frame that has taken its place from now on.
void RegularInode::show_own_page(uint64_t index) {
  unmap_object_pages(this, index, 1, PrivateCopies::Keep);
}

Result<PhysAddr> RegularInode::own_page(uint64_t index, bool respect_reserve) {
  PageView page = view(index);
  if (page.is_owned) return page.frame;
  if (respect_reserve && !files_may_take(1)) return Errno::NoSpace;
  Result<PhysAddr> taken = allocate_frame();
  if (taken.is_error()) return respect_reserve ? Errno::NoSpace : taken.error();
  const PhysAddr frame = taken.value();
  if (page.valid) memcpy(page_memory(frame), page.bytes, page.valid);
  PhysAddr winner = frame;
  Result<void> published = content_.with([&](Content& content) -> Result<void> {
    PageView now = view_locked(content, index);
    if (now.is_owned) {  // another thread was faster
      winner = now.frame;
      return {};
    }
    Result<void> set = publish_locked(content, index, frame);
    if (!set.is_error()) retain_frame(frame);
    return set;
  });
  if (published.is_error() || winner != frame) release_frame(frame);
  if (published.is_error()) return published.error();
  if (winner == frame && page.valid) show_own_page(index);
  return winner;
}

/// Copies `size` bytes to `start` of page `index`; returns the count, short only after a fault.
Result<size_t> RegularInode::write_page(IoBuffer& buffer, uint64_t index, uint64_t start,
                                        uint64_t size) {
  const size_t before = buffer.remaining();
  PageView page = view(index);
  if (!page.is_owned && size == kPageSize) {
    // A whole new page: filled before it is published, so nobody sees what the frame held.
    if (!files_may_take(1)) return Errno::NoSpace;
    Result<PhysAddr> taken = allocate_frame_uninitialised();
    if (taken.is_error()) return Errno::NoSpace;
    const PhysAddr frame = taken.value();
    Result<void> copied = buffer.get(page_memory(frame), size);
    const size_t done = before - buffer.remaining();
    if (copied.is_error() && done == 0) {
      release_frame(frame);
      return copied.error();
    }
    if (done < kPageSize) {
      memset(page_memory(frame) + done, 0, kPageSize - done);
      if (page.valid > done) {
        memcpy(page_memory(frame) + done, page.bytes + done, page.valid - done);
      }
    }
    bool is_published = false;
    Result<void> published = content_.with([&](Content& content) -> Result<void> {
      PageView now = view_locked(content, index);
      if (now.is_owned) {  // the copy above faulted in a mapping of this very page
        memcpy(page_memory(now.frame), page_memory(frame), done);
        release_frame(now.frame);
        return {};
      }
      is_published = true;
      return publish_locked(content, index, frame);
    });
    if (published.is_error() || !is_published) release_frame(frame);
    if (published.is_error()) return Errno::NoSpace;
    if (is_published && page.valid) show_own_page(index);
    return done;
  }
  PhysAddr frame = page.frame;
  if (!page.is_owned) {
    Result<PhysAddr> owned = own_page(index, true);
    if (owned.is_error()) return owned.error();
    frame = owned.value();
  }
  Result<void> copied = buffer.get(page_memory(frame) + start, size);
  release_frame(frame);
  const size_t done = before - buffer.remaining();
  if (copied.is_error() && done == 0) return copied.error();
  return done;
}

Result<size_t> RegularInode::write_at(IoBuffer& buffer, uint64_t* offset, bool append) {
  MutexGuard guard(write_mutex_);
  const uint64_t old_size = size();
  if (append) *offset = old_size;
  if (buffer.remaining() == 0) return static_cast<size_t>(0);
  if (seals_ & (kSealWrite | kSealFutureWrite)) return Errno::Perm;
  if (*offset >= kMaximumFileSize) return Errno::FileTooBig;
  const uint64_t limit = min_of<uint64_t>(buffer.remaining(), kMaximumFileSize - *offset);
  if ((seals_ & kSealGrow) && *offset + limit > old_size) return Errno::Perm;
  if (*offset > old_size) clear_stale_tail(old_size);

  uint64_t done = 0;
  while (done < limit) {
    const uint64_t start = *offset % kPageSize;
    const uint64_t size = min_of(limit - done, kPageSize - start);
    Result<size_t> written = write_page(buffer, *offset / kPageSize, start, size);
    if (written.is_error()) {
      if (done == 0) return written.error();
      break;
    }
    done += written.value();
    *offset += written.value();
    extend_to(*offset);
    if (written.value() < size) break;
  }
  touch(true);
  return static_cast<size_t>(done);
}

void RegularInode::extend_to(uint64_t size) {
  content_.with([&](Content& content) {
    if (size > content.size) content.size = size;
  });
}

/// Before the file grows: a shared mapping may have written past the end of the last page.
void RegularInode::clear_stale_tail(uint64_t old_size) {
  if (!was_mapped_writable_ || old_size % kPageSize == 0) return;
  PageView page = view(old_size / kPageSize);
  if (!page.is_owned) return;
  memset(page_memory(page.frame) + old_size % kPageSize, 0, kPageSize - old_size % kPageSize);
  release_frame(page.frame);
}

/// Takes pages `first` and later out of the tree.
void RegularInode::drop_pages(uint64_t first) {
  for (;;) {
    const bool found_one = content_.with([&](Content& content) {
      uint64_t index = 0;
      uint64_t entry = 0;
      // A bounded number per turn: interrupts are off under the lock.
      for (int i = 0; i < 64; ++i) {
        if (!content.pages.next(first, &index, &entry)) return false;
        content.pages.clear(index);
        if (index < image_pages(content)) --content.replaced;
        if (entry != kHole) {
          --content.owned;
          __atomic_sub_fetch(&owned_frames, 1, __ATOMIC_RELAXED);
          release_frame(PhysAddr(entry));
        }
        first = index + 1;
      }
      return true;
    });
    if (!found_one) return;
  }
}

Result<void> RegularInode::truncate(uint64_t size) {
  MutexGuard guard(write_mutex_);
  if (size > kMaximumFileSize) return Errno::FileTooBig;
  const uint64_t old_size = this->size();
  if (size < old_size && (seals_ & kSealShrink)) return Errno::Perm;
  if (size > old_size && (seals_ & kSealGrow)) return Errno::Perm;
  if (size >= old_size) {
    clear_stale_tail(old_size);
    extend_to(size);
    touch(true);
    return {};
  }
  // The size first, so that a page fault from now on gets Range; then pages, then the image.
  content_.with([&](Content& content) { content.size = size; });
  const uint64_t first_gone = align_up(size, kPageSize) / kPageSize;
  drop_pages(first_gone);
  bool tail_was_in_place = false;
  content_.with([&](Content& content) {
    if (content.image_size > size) {
      tail_was_in_place = size % kPageSize != 0 && content.pages.get(size / kPageSize) == 0;
      content.image_size = size;
    }
  });
  if (size % kPageSize != 0) {
    PageView page = view(size / kPageSize);
    if (page.is_owned) {
      memset(page_memory(page.frame) + size % kPageSize, 0, kPageSize - size % kPageSize);
      release_frame(page.frame);
    }
  }
  // The last page, when it was the image's own, still shows what lies behind the new end.
  if (tail_was_in_place) unmap_object_pages(this, size / kPageSize, 1, PrivateCopies::Keep);
  unmap_object_pages(this, first_gone, kToTheEnd, PrivateCopies::Drop);
  touch(true);
  return {};
}

Result<void> RegularInode::allocate_range(uint64_t offset, uint64_t size, bool keep_size) {
  MutexGuard guard(write_mutex_);
  if (offset > kMaximumFileSize || size > kMaximumFileSize - offset) return Errno::FileTooBig;
  const uint64_t end = offset + size;
  const uint64_t old_size = this->size();
  if (!keep_size && end > old_size && (seals_ & kSealGrow)) return Errno::Perm;
  const uint64_t last = align_up(end, kPageSize) / kPageSize;
  // What can never fit is refused before memory is filled with it.
  const uint64_t most = (file_bytes() + file_bytes_free()) / kPageSize;
  if (last - offset / kPageSize > most) return Errno::NoSpace;
  if (!keep_size && end > old_size) clear_stale_tail(old_size);
  for (uint64_t index = offset / kPageSize; index < last; ++index) {
    PageView page = view(index);
    if (page.is_owned) release_frame(page.frame);
    if (page.bytes) continue;
    Result<PhysAddr> owned = own_page(index, true);
    if (owned.is_error()) return Errno::NoSpace;
    release_frame(owned.value());
  }
  if (!keep_size && end > old_size) {
    extend_to(end);
    touch(true);
  }
  return {};
}

/// Zeroes bytes of one page or none, `offset` to `end`, where the page has content.
Result<void> RegularInode::zero_range(uint64_t offset, uint64_t end) {
  if (offset >= end) return {};
  PageView page = view(offset / kPageSize);
  if (!page.bytes) return {};
  PhysAddr frame = page.frame;
  if (!page.is_owned) {
    Result<PhysAddr> owned = own_page(offset / kPageSize, true);
    if (owned.is_error()) return owned.error();
    frame = owned.value();
  }
  memset(page_memory(frame) + offset % kPageSize, 0, end - offset);
  release_frame(frame);
  return {};
}

Result<void> RegularInode::punch_hole(uint64_t offset, uint64_t size) {
  MutexGuard guard(write_mutex_);
  if (seals_ & (kSealWrite | kSealFutureWrite)) return Errno::Perm;
  const uint64_t end = min_of(offset + size, align_up(this->size(), kPageSize));
  if (offset >= end) return {};
  const uint64_t first = align_up(offset, kPageSize) / kPageSize;
  const uint64_t last = end / kPageSize;  // pages first..last-1 go as a whole
  if (first > last) {
    Result<void> zeroed = zero_range(offset, end);
    if (!zeroed.is_error()) touch(true);
    return zeroed;
  }
  Result<void> head = zero_range(offset, first * kPageSize);
  if (head.is_error()) return head;
  Result<void> tail = zero_range(last * kPageSize, end);
  if (tail.is_error()) return tail;
  for (uint64_t index = first; index < last; ++index) {
    Result<void> punched = content_.with([&](Content& content) -> Result<void> {
      const uint64_t entry = content.pages.get(index);
      const bool hides_image = index < image_pages(content);
      if (hides_image) {
        Result<void> set = content.pages.set(index, kHole);
        if (set.is_error()) return Errno::NoSpace;
        if (!entry) ++content.replaced;
      } else if (entry) {
        content.pages.clear(index);
      }
      if (entry && entry != kHole) {
        --content.owned;
        __atomic_sub_fetch(&owned_frames, 1, __ATOMIC_RELAXED);
        release_frame(PhysAddr(entry));
      }
      return {};
    });
    if (punched.is_error()) return punched;
  }
  if (first < last) unmap_object_pages(this, first, last - first, PrivateCopies::Keep);
  touch(true);
  return {};
}

Result<uint64_t> RegularInode::find_data(uint64_t offset) {
  return content_.with([&](Content& content) -> Result<uint64_t> {
    if (offset >= content.size) return Errno::NoDeviceOrAddress;
    uint64_t index = offset / kPageSize;
    for (;;) {
      const uint64_t entry = content.pages.get(index);
      const bool has_data = entry ? entry != kHole : index < image_pages(content);
      if (has_data) break;
      if (index + 1 < image_pages(content)) {
        ++index;
        continue;
      }
      uint64_t found = 0;
      uint64_t value = 0;
      if (!content.pages.next(index + 1, &found, &value)) return Errno::NoDeviceOrAddress;
      index = found;
    }
    const uint64_t position = max_of(offset, index * kPageSize);
    if (position >= content.size) return Errno::NoDeviceOrAddress;
    return position;
  });
}

Result<uint64_t> RegularInode::find_hole(uint64_t offset) {
  return content_.with([&](Content& content) -> Result<uint64_t> {
    if (offset >= content.size) return Errno::NoDeviceOrAddress;
    uint64_t index = offset / kPageSize;
    for (; index * kPageSize < content.size; ++index) {
      const uint64_t entry = content.pages.get(index);
      if (entry ? entry == kHole : index >= image_pages(content)) break;
    }
    return min_of(max_of(offset, index * kPageSize), content.size);
  });
}

Result<PhysAddr> RegularInode::map_page(uint64_t index, bool for_write) {
  PageView page;
  bool is_past_end = false;
  content_.with([&](Content& content) {
    is_past_end = index >= align_up(content.size, kPageSize) / kPageSize;
    if (!is_past_end) page = view_locked(content, index);
  });
  if (is_past_end) return Errno::Range;
  if (page.is_owned) return page.frame;
  const bool is_in_place =
      page.valid == kPageSize && reinterpret_cast<uint64_t>(page.bytes) % kPageSize == 0;
  if (is_in_place && !for_write) {
    const PhysAddr frame = virt_to_phys(page.bytes);
    retain_frame(frame);
    return frame;
  }
  Result<PhysAddr> owned = own_page(index, false);
  if (owned.is_error()) return Errno::NoMemory;
  return owned;
}

PhysAddr RegularInode::contiguous_pages(uint64_t index, uint64_t count) {
  if (!file_system().is_read_only) return PhysAddr(0);
  return content_.with([&](Content& content) {
    const uint64_t whole_pages = content.image_size / kPageSize;
    if (index > whole_pages || count > whole_pages - index) return PhysAddr(0);
    const char* start = content.image + index * kPageSize;
    if (reinterpret_cast<uint64_t>(start) % kPageSize != 0) return PhysAddr(0);
    uint64_t found = 0;
    uint64_t value = 0;
    if (content.pages.next(index, &found, &value) && found < index + count) return PhysAddr(0);
    return virt_to_phys(start);
  });
}

Result<void> RegularInode::begin_shared_mapping() {
  MutexGuard guard(write_mutex_);
  if (seals_ & (kSealWrite | kSealFutureWrite)) return Errno::Perm;
  was_mapped_writable_ = true;
  return {};
}

Result<void> RegularInode::add_seals(uint32_t seals) {
  MutexGuard guard(write_mutex_);
  if (seals_ & kSealSeal) return Errno::Perm;
  if ((seals & kSealWrite) && was_mapped_writable_) return Errno::Busy;
  seals_ |= seals;
  return {};
}

}  // namespace runtime
