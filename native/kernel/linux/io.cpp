// Reading and writing through descriptors, and what can be done to any descriptor.
#include "lib/vector.h"
#include "linux/fd_table.h"
#include "linux/fs/locks.h"
#include "linux/fs/notify.h"
#include "linux/fs/regular.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

constexpr uint64_t kTransferMaximum = 0x7ffff000;  // write(2): MAX_RW_COUNT
constexpr int kVectorsMaximum = 1024;              // readv(2): IOV_MAX
constexpr size_t kVectorsOnStack = 8;
constexpr size_t kBounceSize = 64 * 1024;

// ioctl(2) requests that work on every descriptor.
constexpr uint32_t kIoctlClearCloseOnExec = 0x5450;  // FIONCLEX
constexpr uint32_t kIoctlSetCloseOnExec = 0x5451;    // FIOCLEX
constexpr uint32_t kIoctlNonBlocking = 0x5421;       // FIONBIO

// preadv2(2) flags.
constexpr int kReadWriteHighPriority = 1;
constexpr int kReadWriteDataSync = 2;
constexpr int kReadWriteSync = 4;
constexpr int kReadWriteNoWait = 8;
constexpr int kReadWriteAppend = 16;

constexpr uint32_t kCloseRangeUnshare = 2;
constexpr uint32_t kCloseRangeCloseOnExec = 4;

enum class Access { Read, Write };

/// The description behind a descriptor that is open for `access`. Errors: BadFile.
Result<RefPtr<File>> file_for(int descriptor, Access access) {
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (file.is_error()) return file;
  if (file.value()->status_flags() & kOpenPath) return Errno::BadFile;
  const bool is_allowed =
      access == Access::Read ? file.value()->is_readable() : file.value()->is_writable();
  if (!is_allowed) return Errno::BadFile;
  return file;
}

Result<uint64_t> to_count(const Result<size_t>& moved) {
  if (moved.is_error()) return moved.error();
  return static_cast<uint64_t>(moved.value());
}

/// A gather list copied in and checked: readv(2).
class Vectors {
 public:
  Vectors() = default;
  ~Vectors() { deallocate(heap_); }
  Vectors(const Vectors&) = delete;
  Vectors& operator=(const Vectors&) = delete;

  /// Errors: Invalid, Fault, NoMemory.
  Result<void> copy(UserPtr<IoVector> source, int count) {
    if (count < 0 || count > kVectorsMaximum) return Errno::Invalid;
    count_ = static_cast<size_t>(count);
    if (count_ > kVectorsOnStack) {
      heap_ = static_cast<IoVector*>(allocate(count_ * sizeof(IoVector)));
      if (!heap_) return Errno::NoMemory;
    }
    Result<void> copied = source.read_array(list(), count_);
    if (copied.is_error()) return copied;
    uint64_t total = 0;
    for (size_t i = 0; i < count_; ++i) {
      IoVector& vector = list()[i];
      if (static_cast<int64_t>(vector.length) < 0) return Errno::Invalid;
      if (!is_user_range(vector.base, vector.length)) return Errno::Fault;
      vector.length = min_of(vector.length, kTransferMaximum - total);
      total += vector.length;
    }
    return {};
  }
  IoBuffer buffer() { return IoBuffer::vectors(list(), count_); }

 private:
  IoVector* list() { return heap_ ? heap_ : stack_; }

  IoVector stack_[kVectorsOnStack];
  IoVector* heap_ = nullptr;
  size_t count_ = 0;
};

constexpr int64_t kAtPosition = -1;

/// Moves bytes between `buffer` and the file, at `offset` or at its position.
Result<uint64_t> transfer(File* file, Access access, IoBuffer buffer, int64_t offset) {
  if (offset == kAtPosition) {
    return to_count(access == Access::Read ? file->read(buffer) : file->write(buffer));
  }
  if (offset < 0) return Errno::Invalid;
  const uint64_t at = static_cast<uint64_t>(offset);
  return to_count(access == Access::Read ? file->read_at(buffer, at) : file->write_at(buffer, at));
}

Result<uint64_t> transfer_range(int descriptor, Access access, UserPtr<void> buffer, uint64_t size,
                                int64_t offset) {
  Result<RefPtr<File>> file = file_for(descriptor, access);
  if (file.is_error()) return file.error();
  if (!is_user_range(buffer.address(), size)) return Errno::Fault;  // before anything happens
  return transfer(file.value().get(), access,
                  IoBuffer::user(buffer.address(), min_of(size, kTransferMaximum)), offset);
}

Result<uint64_t> transfer_vectors(int descriptor, Access access, UserPtr<IoVector> list, int count,
                                  int64_t offset) {
  Result<RefPtr<File>> file = file_for(descriptor, access);
  if (file.is_error()) return file.error();
  Vectors vectors;
  Result<void> copied = vectors.copy(list, count);
  if (copied.is_error()) return copied.error();
  return transfer(file.value().get(), access, vectors.buffer(), offset);
}

}  // namespace

Result<uint64_t> sys_read(int descriptor, UserPtr<void> buffer, uint64_t size) {
  return transfer_range(descriptor, Access::Read, buffer, size, kAtPosition);
}

Result<uint64_t> sys_write(int descriptor, UserPtr<void> buffer, uint64_t size) {
  return transfer_range(descriptor, Access::Write, buffer, size, kAtPosition);
}

Result<uint64_t> sys_pread64(int descriptor, UserPtr<void> buffer, uint64_t size, int64_t offset) {
  if (offset < 0) return Errno::Invalid;
  return transfer_range(descriptor, Access::Read, buffer, size, offset);
}

Result<uint64_t> sys_pwrite64(int descriptor, UserPtr<void> buffer, uint64_t size, int64_t offset) {
  if (offset < 0) return Errno::Invalid;
  return transfer_range(descriptor, Access::Write, buffer, size, offset);
}

Result<uint64_t> sys_readv(int descriptor, UserPtr<IoVector> vectors, int count) {
  return transfer_vectors(descriptor, Access::Read, vectors, count, kAtPosition);
}

Result<uint64_t> sys_writev(int descriptor, UserPtr<IoVector> vectors, int count) {
  return transfer_vectors(descriptor, Access::Write, vectors, count, kAtPosition);
}

Result<uint64_t> sys_preadv(int descriptor, UserPtr<IoVector> vectors, int count, int64_t offset) {
  if (offset < 0) return Errno::Invalid;
  return transfer_vectors(descriptor, Access::Read, vectors, count, offset);
}

Result<uint64_t> sys_pwritev(int descriptor, UserPtr<IoVector> vectors, int count, int64_t offset) {
  if (offset < 0) return Errno::Invalid;
  return transfer_vectors(descriptor, Access::Write, vectors, count, offset);
}

Result<uint64_t> sys_preadv2(int descriptor, UserPtr<IoVector> vectors, int count, int64_t offset,
                             int64_t offset_high, int flags) {
  (void)offset_high;  // on x86-64 the low word holds all of the offset
  if (flags & ~(kReadWriteHighPriority | kReadWriteNoWait)) return Errno::NotSupported;
  if (offset < kAtPosition) return Errno::Invalid;
  if (flags & kReadWriteNoWait) {
    // Memory files never wait; what may wait has no way to be asked not to for one call.
    Result<RefPtr<File>> file = file_for(descriptor, Access::Read);
    if (file.is_error()) return file.error();
    Inode* inode = file.value()->inode();
    if (!inode || !inode->is_regular()) return Errno::NotSupported;
  }
  return transfer_vectors(descriptor, Access::Read, vectors, count, offset);
}

Result<uint64_t> sys_pwritev2(int descriptor, UserPtr<IoVector> list, int count, int64_t offset,
                              int64_t offset_high, int flags) {
  (void)offset_high;
  constexpr int kKnown = kReadWriteHighPriority | kReadWriteDataSync | kReadWriteSync |
                         kReadWriteNoWait | kReadWriteAppend;
  if (flags & ~kKnown) return Errno::NotSupported;
  if (offset < kAtPosition) return Errno::Invalid;
  if (!(flags & (kReadWriteAppend | kReadWriteNoWait))) {
    return transfer_vectors(descriptor, Access::Write, list, count, offset);
  }
  Result<RefPtr<File>> file = file_for(descriptor, Access::Write);
  if (file.is_error()) return file.error();
  Inode* inode = file.value()->inode();
  RegularInode* regular = inode ? inode->as_regular() : nullptr;
  if (!regular) return Errno::NotSupported;
  if (!(flags & kReadWriteAppend)) {
    return transfer_vectors(descriptor, Access::Write, list, count, offset);
  }
  Vectors vectors;
  Result<void> copied = vectors.copy(list, count);
  if (copied.is_error()) return copied.error();
  IoBuffer buffer = vectors.buffer();
  uint64_t end = 0;
  Result<size_t> written = regular->write_at(buffer, &end, true);
  if (!written.is_error() && written.value() != 0) {
    notify_inode(regular, kNotifyModify);
    if (offset == kAtPosition) {
      Result<uint64_t> moved = file.value()->seek(static_cast<int64_t>(end), 0);
      if (moved.is_error()) return moved;
    }
  }
  return to_count(written);
}

Result<uint64_t> sys_close(int descriptor) {
  Result<void> closed = fd_close(descriptor);
  if (closed.is_error()) return closed.error();
  return static_cast<uint64_t>(0);
}

Result<uint64_t> sys_close_range(uint32_t first, uint32_t last, uint32_t flags) {
  if (flags & ~(kCloseRangeUnshare | kCloseRangeCloseOnExec)) return Errno::Invalid;
  if (first > last) return Errno::Invalid;
  int descriptor =
      first > static_cast<uint32_t>(kMaximumDescriptors) ? -1 : static_cast<int>(first);
  if (descriptor >= 0) descriptor = fd_next(descriptor);
  while (descriptor >= 0 && static_cast<uint32_t>(descriptor) <= last) {
    // Another thread may be faster: a descriptor that is gone is as good as closed.
    Result<void> done = (flags & kCloseRangeCloseOnExec) ? fd_set_close_on_exec(descriptor, true)
                                                         : fd_close(descriptor);
    if (done.is_error() && done.error() != Errno::BadFile) return done.error();
    descriptor = fd_next(descriptor + 1);
  }
  return static_cast<uint64_t>(0);
}

Result<uint64_t> sys_dup(int descriptor) {
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (file.is_error()) return file.error();
  Result<int> copy = fd_install(file.take(), false);
  if (copy.is_error()) return copy.error();
  return static_cast<uint64_t>(copy.value());
}

Result<uint64_t> sys_dup3(int descriptor, int target, int flags) {
  if (flags & ~kOpenCloseOnExec) return Errno::Invalid;
  if (descriptor == target) return Errno::Invalid;
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (file.is_error()) return file.error();
  Result<void> replaced = fd_replace(target, file.take(), (flags & kOpenCloseOnExec) != 0);
  if (replaced.is_error()) return replaced.error();
  return static_cast<uint64_t>(target);
}

Result<uint64_t> sys_dup2(int descriptor, int target) {
  if (descriptor != target) return sys_dup3(descriptor, target, 0);
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (file.is_error()) return file.error();
  return static_cast<uint64_t>(target);
}

Result<uint64_t> sys_ioctl(int descriptor, uint32_t request, uint64_t argument) {
  Result<RefPtr<File>> found = fd_get(descriptor);
  if (found.is_error()) return found.error();
  RefPtr<File> file = found.take();
  if (file->status_flags() & kOpenPath) return Errno::BadFile;
  if (request == kIoctlSetCloseOnExec || request == kIoctlClearCloseOnExec) {
    Result<void> set = fd_set_close_on_exec(descriptor, request == kIoctlSetCloseOnExec);
    if (set.is_error()) return set.error();
    return static_cast<uint64_t>(0);
  }
  if (request == kIoctlNonBlocking) {
    Result<int> wanted = UserPtr<int>(argument).read();
    if (wanted.is_error()) return wanted.error();
    const int flags = file->status_flags();
    file->set_status_flags(wanted.value() ? flags | kOpenNonBlocking : flags & ~kOpenNonBlocking);
    return static_cast<uint64_t>(0);
  }
  return file->ioctl(request, argument);
}

namespace {

/// Copies through kernel memory, at most `size` bytes. `read` and `write` move one chunk and return
/// its count; what was read but not written is given back through `unread`.
template <typename Read, typename Write, typename Unread>
Result<uint64_t> copy_through(uint64_t size, Read read, Write write, Unread unread) {
  const size_t chunk_size = min_of<uint64_t>(size, kBounceSize);
  char* bounce = static_cast<char*>(allocate(chunk_size ? chunk_size : 1));
  if (!bounce) return Errno::NoMemory;
  uint64_t done = 0;
  Result<void> result;
  while (done < size) {
    IoBuffer in = IoBuffer::kernel(bounce, min_of<uint64_t>(size - done, chunk_size));
    Result<size_t> count = read(in);
    if (count.is_error()) result = count.error();
    if (count.is_error() || count.value() == 0) break;
    IoBuffer out = IoBuffer::kernel(bounce, count.value());
    Result<size_t> written = write(out);
    const size_t kept = written.is_error() ? 0 : written.value();
    if (written.is_error()) result = written.error();
    done += kept;
    if (kept < count.value()) {
      unread(count.value() - kept);
      break;
    }
  }
  deallocate(bounce);
  if (done == 0 && result.is_error()) return result.error();
  return done;
}

/// The source or target of copy_file_range and sendfile: at its own position, or at an offset that
/// the application keeps.
class Cursor {
 public:
  Cursor(File* file, UserPtr<int64_t> offset) : file_(file), pointer_(offset) {}

  /// Errors: Fault, Invalid.
  Result<void> load() {
    if (!pointer_) return {};
    Result<int64_t> offset = pointer_.read();
    if (offset.is_error()) return offset.error();
    if (offset.value() < 0) return Errno::Invalid;
    offset_ = static_cast<uint64_t>(offset.value());
    return {};
  }
  /// Writes the offset back. Errors: Fault.
  Result<void> store() {
    if (!pointer_) return {};
    return pointer_.write(static_cast<int64_t>(offset_));
  }
  Result<size_t> read(IoBuffer& buffer) {
    if (!pointer_) return file_->read(buffer);
    return advance(file_->read_at(buffer, offset_));
  }
  Result<size_t> write(IoBuffer& buffer) {
    if (!pointer_) return file_->write(buffer);
    return advance(file_->write_at(buffer, offset_));
  }
  void step_back(size_t count) {
    if (pointer_) {
      offset_ -= count;
      return;
    }
    // Only seekable sources get here without a pointer; going back cannot fail for those.
    Result<uint64_t> moved = file_->seek(-static_cast<int64_t>(count), 1);
    (void)moved;
  }
  /// Where the next byte comes from or goes to. Errors: IllegalSeek.
  Result<uint64_t> position() {
    if (pointer_) return offset_;
    return file_->seek(0, 1);
  }

 private:
  Result<size_t> advance(Result<size_t> moved) {
    if (!moved.is_error()) offset_ += moved.value();
    return moved;
  }

  File* file_;
  UserPtr<int64_t> pointer_;
  uint64_t offset_ = 0;
};

bool is_regular(File* file) { return file->inode() && file->inode()->is_regular(); }

}  // namespace

Result<uint64_t> sys_sendfile(int target, int source, UserPtr<int64_t> offset, uint64_t size) {
  Result<RefPtr<File>> in = file_for(source, Access::Read);
  if (in.is_error()) return in.error();
  Result<RefPtr<File>> out = file_for(target, Access::Write);
  if (out.is_error()) return out.error();
  if (!is_regular(in.value().get())) return Errno::Invalid;
  if (out.value()->status_flags() & kOpenAppend) return Errno::Invalid;
  if (static_cast<int64_t>(size) < 0) return Errno::Invalid;
  Cursor from(in.value().get(), offset);
  Result<void> loaded = from.load();
  if (loaded.is_error()) return loaded.error();
  File* sink = out.value().get();
  Result<uint64_t> copied = copy_through(
      min_of(size, kTransferMaximum), [&](IoBuffer& buffer) { return from.read(buffer); },
      [&](IoBuffer& buffer) { return sink->write(buffer); },
      [&](size_t count) { from.step_back(count); });
  if (copied.is_error()) return copied;
  Result<void> stored = from.store();
  if (stored.is_error()) return stored.error();
  return copied;
}

Result<uint64_t> sys_copy_file_range(int source, UserPtr<int64_t> source_offset, int target,
                                     UserPtr<int64_t> target_offset, uint64_t size,
                                     uint32_t flags) {
  if (flags != 0) return Errno::Invalid;
  Result<RefPtr<File>> in = file_for(source, Access::Read);
  if (in.is_error()) return in.error();
  Result<RefPtr<File>> out = file_for(target, Access::Write);
  if (out.is_error()) return out.error();
  Inode* from_inode = in.value()->inode();
  Inode* to_inode = out.value()->inode();
  if ((from_inode && from_inode->is_directory()) || (to_inode && to_inode->is_directory())) {
    return Errno::IsDirectory;
  }
  if (!is_regular(in.value().get()) || !is_regular(out.value().get())) return Errno::Invalid;
  if (out.value()->status_flags() & kOpenAppend) return Errno::BadFile;
  Cursor from(in.value().get(), source_offset);
  Cursor to(out.value().get(), target_offset);
  Result<void> loaded = from.load();
  if (!loaded.is_error()) loaded = to.load();
  if (loaded.is_error()) return loaded.error();
  Result<uint64_t> start = from.position();
  if (start.is_error()) return start;
  Result<uint64_t> goal = to.position();
  if (goal.is_error()) return goal;
  const uint64_t wanted = min_of(size, kTransferMaximum);
  if (from_inode == to_inode && start.value() < goal.value() + wanted &&
      goal.value() < start.value() + wanted) {
    return Errno::Invalid;
  }
  Result<uint64_t> copied = copy_through(
      wanted, [&](IoBuffer& buffer) { return from.read(buffer); },
      [&](IoBuffer& buffer) { return to.write(buffer); },
      [&](size_t count) { from.step_back(count); });
  if (copied.is_error()) return copied;
  Result<void> stored = from.store();
  if (!stored.is_error()) stored = to.store();
  if (stored.is_error()) return stored.error();
  return copied;
}

}  // namespace runtime
