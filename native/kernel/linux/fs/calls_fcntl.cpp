// fcntl(2): descriptor and status flags, record locks, seals.
#include "linux/fd_table.h"
#include "linux/fs/locks.h"
#include "linux/fs/regular.h"
#include "linux/fs/tree.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

enum Command {
  kDuplicate = 0,
  kGetDescriptorFlags = 1,
  kSetDescriptorFlags = 2,
  kGetStatusFlags = 3,
  kSetStatusFlags = 4,
  kGetLock = 5,
  kSetLock = 6,
  kSetLockWait = 7,
  kSetOwner = 8,
  kGetOwner = 9,
  kSetSignal = 10,
  kGetSignal = 11,
  kDescriptionGetLock = 36,
  kDescriptionSetLock = 37,
  kDescriptionSetLockWait = 38,
  kDuplicateCloseOnExec = 1030,
  kAddSeals = 1033,
  kGetSeals = 1034,
};
constexpr uint64_t kCloseOnExecFlag = 1;  // FD_CLOEXEC

/// struct flock, fcntl(2).
struct UserLock {
  int16_t type;
  int16_t whence;
  int32_t padding;
  int64_t start;
  int64_t length;
  int32_t process;
  int32_t padding_end;
};
static_assert(sizeof(UserLock) == 32, "struct flock is 32 bytes on x86-64");
constexpr int16_t kReadLock = 0;
constexpr int16_t kWriteLock = 1;
constexpr int16_t kUnlock = 2;

Result<uint64_t> done(const Result<void>& result) {
  if (result.is_error()) return result.error();
  return static_cast<uint64_t>(0);
}

Result<LockRange> to_range(File* file, const UserLock& lock) {
  LockRange range;
  switch (lock.type) {
    case kReadLock:
      range.mode = LockMode::Shared;
      break;
    case kWriteLock:
      range.mode = LockMode::Exclusive;
      break;
    case kUnlock:
      range.mode = LockMode::None;
      break;
    default:
      return Errno::Invalid;
  }
  int64_t base = 0;
  if (lock.whence == 1) {
    Result<uint64_t> position = file->seek(0, 1);
    if (position.is_error()) return position.error();
    base = static_cast<int64_t>(position.value());
  } else if (lock.whence == 2) {
    base = static_cast<int64_t>(file->inode()->size());
  } else if (lock.whence != 0) {
    return Errno::Invalid;
  }
  int64_t start = 0;
  if (__builtin_add_overflow(base, lock.start, &start)) return Errno::Overflow;
  int64_t end = 0;
  if (__builtin_add_overflow(start, lock.length, &end)) return Errno::Overflow;
  if (lock.length < 0) swap_values(start, end);
  if (start < 0) return Errno::Invalid;
  range.start = static_cast<uint64_t>(start);
  range.end = lock.length == 0 ? UINT64_MAX : static_cast<uint64_t>(end);
  return range;
}

Result<uint64_t> lock_command(File* file, int command, UserPtr<UserLock> pointer) {
  Result<UserLock> read = pointer.read();
  if (read.is_error()) return read.error();
  UserLock lock = read.value();
  if (!file->inode()) return Errno::BadFile;
  const bool is_description = command >= kDescriptionGetLock;
  if (is_description && lock.process != 0) return Errno::Invalid;
  Result<LockRange> range = to_range(file, lock);
  if (range.is_error()) return range.error();
  const LockOwner owner = is_description ? static_cast<LockOwner>(file) : process_lock_owner();

  if (command == kGetLock || command == kDescriptionGetLock) {
    if (range.value().mode == LockMode::None) return Errno::Invalid;
    LockRange conflict;
    LockOwner holder = nullptr;
    lock.type = kUnlock;
    if (find_conflict(file->inode(), owner, LockFamily::Record, range.value(), &conflict,
                      &holder)) {
      lock.type = conflict.mode == LockMode::Shared ? kReadLock : kWriteLock;
      lock.whence = 0;
      lock.start = static_cast<int64_t>(conflict.start);
      lock.length =
          conflict.end == UINT64_MAX ? 0 : static_cast<int64_t>(conflict.end - conflict.start);
      lock.process = holder == process_lock_owner() ? 1 : -1;
    }
    return done(pointer.write(lock));
  }
  if (range.value().mode == LockMode::Shared && !file->is_readable()) return Errno::BadFile;
  if (range.value().mode == LockMode::Exclusive && !file->is_writable()) return Errno::BadFile;
  const bool waits = command == kSetLockWait || command == kDescriptionSetLockWait;
  return done(set_lock(file->inode(), owner, LockFamily::Record, range.value(), waits));
}

Result<uint64_t> duplicate(RefPtr<File> file, uint64_t minimum, bool close_on_exec) {
  if (minimum >= static_cast<uint64_t>(kMaximumDescriptors)) return Errno::Invalid;
  Result<int> copy = fd_install(move(file), close_on_exec, static_cast<int>(minimum));
  if (copy.is_error()) return copy.error();
  return static_cast<uint64_t>(copy.value());
}

Result<uint64_t> set_status_flags(File* file, uint64_t argument) {
  constexpr int kChangeable =
      kOpenAppend | kOpenNonBlocking | kOpenDirect | kOpenNoAccessTime | 020000 /* O_ASYNC */;
  const int wanted = static_cast<int>(argument) & kChangeable;
  file->set_status_flags((file->status_flags() & ~kChangeable) | wanted);
  return static_cast<uint64_t>(0);
}

Result<uint64_t> seal_command(File* file, int command, uint64_t argument) {
  RegularInode* inode = file->inode() ? file->inode()->as_regular() : nullptr;
  // Seals exist on memfd and tmpfs files only.
  if (!inode || inode->file_system().is_read_only) return Errno::Invalid;
  if (command == kGetSeals) return static_cast<uint64_t>(inode->seals());
  constexpr uint64_t kKnown = kSealSeal | kSealShrink | kSealGrow | kSealWrite | kSealFutureWrite;
  if (argument & ~kKnown) return Errno::Invalid;
  if (!file->is_writable()) return Errno::Perm;
  return done(inode->add_seals(static_cast<uint32_t>(argument)));
}

}  // namespace

Result<uint64_t> sys_fcntl(int descriptor, int command, uint64_t argument) {
  Result<RefPtr<File>> found = fd_get(descriptor);
  if (found.is_error()) return found.error();
  RefPtr<File> file = found.take();
  switch (command) {
    case kDuplicate:
      return duplicate(move(file), argument, false);
    case kDuplicateCloseOnExec:
      return duplicate(move(file), argument, true);
    case kGetDescriptorFlags: {
      Result<bool> flag = fd_close_on_exec(descriptor);
      if (flag.is_error()) return flag.error();
      return flag.value() ? kCloseOnExecFlag : static_cast<uint64_t>(0);
    }
    case kSetDescriptorFlags:
      return done(fd_set_close_on_exec(descriptor, (argument & kCloseOnExecFlag) != 0));
    case kGetStatusFlags:
      return static_cast<uint64_t>(file->status_flags());
    default:
      break;
  }
  if (file->status_flags() & kOpenPath) return Errno::BadFile;
  switch (command) {
    case kSetStatusFlags:
      return set_status_flags(file.get(), argument);
    case kGetLock:
    case kSetLock:
    case kSetLockWait:
    case kDescriptionGetLock:
    case kDescriptionSetLock:
    case kDescriptionSetLockWait:
      return lock_command(file.get(), command, UserPtr<UserLock>(argument));
    case kGetOwner:
      return static_cast<uint64_t>(0);  // no owner: SIGIO is never sent
    case kGetSignal:
      return static_cast<uint64_t>(0);  // the default, SIGIO
    case kFcntlSetPipeSize:
    case kFcntlGetPipeSize: {
      if (file->kind() != File::Kind::Pipe) return Errno::BadFile;
      Result<uint64_t> size = file->ioctl(static_cast<uint32_t>(command), argument);
      if (size.is_error() && size.error() == Errno::NotTerminal) return Errno::Invalid;
      return size;
    }
    case kAddSeals:
    case kGetSeals:
      return seal_command(file.get(), command, argument);
    default:
      // F_SETOWN and F_SETSIG too: nothing here sends SIGIO, and saying otherwise would be a lie.
      return Errno::Invalid;
  }
}

}  // namespace runtime
