// Content as a whole: truncate, fallocate, lseek, fsync and friends, flock.
#include "linux/fd_table.h"
#include "linux/fs/locks.h"
#include "linux/fs/notify.h"
#include "linux/fs/path.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

constexpr int kFallocateKeepSize = 1;
constexpr int kFallocatePunchHole = 2;

constexpr int kFlockShared = 1;
constexpr int kFlockExclusive = 2;
constexpr int kFlockNonBlocking = 4;
constexpr int kFlockUnlock = 8;

constexpr int kAdviceLast = 5;  // POSIX_FADV_NOREUSE

Result<RefPtr<File>> content_file(int descriptor) {
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (!file.is_error() && (file.value()->status_flags() & kOpenPath)) return Errno::BadFile;
  return file;
}

Result<uint64_t> truncate_inode(RegularInode* inode, int64_t size) {
  Result<void> truncated = inode->truncate(static_cast<uint64_t>(size));
  if (truncated.is_error()) return truncated.error();
  notify_inode(inode, kNotifyModify);
  return static_cast<uint64_t>(0);
}

/// fsync(2): all is in memory, and memory is all there is, so content is as safe as it gets.
Result<uint64_t> synchronise(int descriptor) {
  Result<RefPtr<File>> file = content_file(descriptor);
  if (file.is_error()) return file.error();
  Inode* inode = file.value()->inode();
  if (!inode || !(inode->is_regular() || inode->is_directory())) return Errno::Invalid;
  return static_cast<uint64_t>(0);
}

}  // namespace

Result<uint64_t> sys_truncate(UserString path, int64_t size) {
  if (size < 0) return Errno::Invalid;
  Target target;
  Result<void> found = find_target(kAtCurrentDirectory, path, 0, &target);
  if (found.is_error()) return found.error();
  if (!target.inode) return Errno::Invalid;
  if (target.inode->is_directory()) return Errno::IsDirectory;
  RegularInode* regular = target.inode->as_regular();
  if (!regular) return target.inode->is_regular() ? Errno::Perm : Errno::Invalid;
  Result<void> writable = check_writable(regular);
  if (writable.is_error()) return writable.error();
  return truncate_inode(regular, size);
}

Result<uint64_t> sys_ftruncate(int descriptor, int64_t size) {
  if (size < 0) return Errno::Invalid;
  Result<RefPtr<File>> file = content_file(descriptor);
  if (file.is_error()) return file.error();
  Inode* inode = file.value()->inode();
  RegularInode* regular = inode ? inode->as_regular() : nullptr;
  if (!regular || !file.value()->is_writable()) return Errno::Invalid;
  return truncate_inode(regular, size);
}

Result<uint64_t> sys_fallocate(int descriptor, int mode, int64_t offset, int64_t size) {
  if (offset < 0 || size <= 0) return Errno::Invalid;
  Result<RefPtr<File>> file = content_file(descriptor);
  if (file.is_error()) return file.error();
  if (mode & ~(kFallocateKeepSize | kFallocatePunchHole)) return Errno::NotSupported;
  const bool punches = (mode & kFallocatePunchHole) != 0;
  if (punches && !(mode & kFallocateKeepSize)) return Errno::NotSupported;
  if (!file.value()->is_writable()) return Errno::BadFile;
  Inode* inode = file.value()->inode();
  if (!inode) return Errno::IllegalSeek;
  if (inode->is_directory()) return Errno::IsDirectory;
  RegularInode* regular = inode->as_regular();
  if (!regular) return Errno::NoDevice;
  const uint64_t start = static_cast<uint64_t>(offset);
  const uint64_t length = static_cast<uint64_t>(size);
  if (start + length > kMaximumFileSize) return Errno::FileTooBig;
  Result<void> result =
      punches ? regular->punch_hole(start, length)
              : regular->allocate_range(start, length, (mode & kFallocateKeepSize) != 0);
  if (result.is_error()) return result.error();
  notify_inode(regular, kNotifyModify);
  return static_cast<uint64_t>(0);
}

Result<uint64_t> sys_lseek(int descriptor, int64_t offset, int whence) {
  Result<RefPtr<File>> file = content_file(descriptor);
  if (file.is_error()) return file.error();
  return file.value()->seek(offset, whence);
}

Result<uint64_t> sys_fsync(int descriptor) { return synchronise(descriptor); }
Result<uint64_t> sys_fdatasync(int descriptor) { return synchronise(descriptor); }
Result<uint64_t> sys_sync() { return static_cast<uint64_t>(0); }

Result<uint64_t> sys_fadvise64(int descriptor, int64_t offset, int64_t size, int advice) {
  (void)offset;
  Result<RefPtr<File>> file = content_file(descriptor);
  if (file.is_error()) return file.error();
  if (!file.value()->inode()) return Errno::IllegalSeek;
  if (size < 0 || advice < 0 || advice > kAdviceLast) return Errno::Invalid;
  return static_cast<uint64_t>(0);  // advice: content is in memory already
}

Result<uint64_t> sys_flock(int descriptor, int operation) {
  Result<RefPtr<File>> file = content_file(descriptor);
  if (file.is_error()) return file.error();
  LockRange range;
  switch (operation & ~kFlockNonBlocking) {
    case kFlockShared:
      range.mode = LockMode::Shared;
      break;
    case kFlockExclusive:
      range.mode = LockMode::Exclusive;
      break;
    case kFlockUnlock:
      range.mode = LockMode::None;
      break;
    default:
      return Errno::Invalid;
  }
  Inode* inode = file.value()->inode();
  if (!inode) return Errno::BadFile;
  const bool waits = !(operation & kFlockNonBlocking);
  Result<void> set = set_lock(inode, file.value().get(), LockFamily::Whole, range, waits);
  if (set.is_error()) return set.error();
  return static_cast<uint64_t>(0);
}

}  // namespace runtime
