// open, openat, openat2, creat, memfd_create.
#include "linux/fd_table.h"
#include "linux/fs/inode_file.h"
#include "linux/fs/notify.h"
#include "linux/fs/path.h"
#include "linux/fs/published.h"
#include "linux/system_calls.h"
#include "linux/vfs.h"

namespace runtime {

namespace {

constexpr int kOpenSync = 04010000;
constexpr int kOpenAsync = 020000;
constexpr int kOpenKnown = kOpenAccessMask | kOpenCreate | kOpenExclusive |
                           kOpenNoControllingTerminal | kOpenTruncate | kOpenAppend |
                           kOpenNonBlocking | kOpenDirect | kOpenDirectory | kOpenNoFollow |
                           kOpenCloseOnExec | kOpenPath | kOpenTemporaryFile | kOpenNoAccessTime |
                           kOpenLargeFile | kOpenSync | kOpenAsync;
/// What stays visible in F_GETFL.
constexpr int kOpenTransient =
    kOpenCreate | kOpenExclusive | kOpenNoControllingTerminal | kOpenTruncate | kOpenCloseOnExec;

/// struct open_how, openat2(2).
struct OpenHow {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};

constexpr uint32_t kMemfdCloseOnExec = 1;
constexpr uint32_t kMemfdAllowSealing = 2;
constexpr uint32_t kMemfdHugePages = 4;
constexpr uint32_t kMemfdNoExecuteSeal = 8;
constexpr uint32_t kMemfdExecutable = 16;
constexpr size_t kMemfdNameMaximum = 249;

Result<RefPtr<RegularInode>> new_regular(FileSystem& file_system, uint32_t permissions) {
  RegularInode* made = new RegularInode(file_system, permissions);
  if (!made) return Errno::NoMemory;
  return RefPtr<RegularInode>::adopt(made);
}

bool wants_write(int flags) { return (flags & kOpenAccessMask) != kOpenReadOnly; }

Result<RefPtr<File>> open_inode(const RefPtr<Inode>& inode, int flags) {
  const int status = (flags & ~kOpenTransient) | kOpenLargeFile;
  if (flags & kOpenPath) {
    PathFile* file = new PathFile(inode, flags & ~kOpenTransient);
    if (!file) return Errno::NoMemory;
    return RefPtr<File>(RefPtr<PathFile>::adopt(file));
  }
  Result<RefPtr<File>> file = inode->open(status);
  if (!file.is_error()) notify_inode_locked(inode.get(), kNotifyOpen);
  return file;
}

Result<RefPtr<File>> open_temporary(const RefPtr<Inode>& directory, int flags, uint32_t mode) {
  if (!wants_write(flags)) return Errno::Invalid;
  if (!directory) return Errno::NoEntry;
  if (!directory->as_directory()) return Errno::NotDirectory;
  if (directory->file_system().is_pseudo) return Errno::NotSupported;
  Result<TreeDirectory*> tree = changeable_directory(directory->as_directory());
  if (tree.is_error()) return tree.error();
  Result<RefPtr<RegularInode>> inode =
      new_regular(directory->file_system(), mode & ~creation_mask() & 07777);
  if (inode.is_error()) return inode.error();
  inode.value()->set_linkable(!(flags & kOpenExclusive));
  inode.value()->set_former_path("/tmp/#unnamed");
  return inode.value()->open((flags & ~(kOpenTransient | kOpenTemporaryFile)) | kOpenLargeFile);
}

Result<RefPtr<File>> create_and_open(const Walk& walk, int flags, uint32_t mode) {
  Result<TreeDirectory*> tree = changeable_directory(walk.parent.get());
  if (tree.is_error()) {
    // /proc and /sys have no such name, and none can be made.
    return tree.error() == Errno::Perm ? Errno::NoEntry : tree.error();
  }
  Result<RefPtr<RegularInode>> inode =
      new_regular(walk.parent->file_system(), mode & ~creation_mask() & 07777);
  if (inode.is_error()) return inode.error();
  Result<void> linked = link_inode(walk.parent.get(), walk.name(), inode.value());
  if (linked.is_error()) return linked.error();
  return open_inode(inode.value(), flags);
}

Result<void> check_existing(const RefPtr<Inode>& inode, int flags) {
  if (inode->is_directory()) {
    const bool changes = wants_write(flags) || (flags & (kOpenCreate | kOpenTruncate)) != 0;
    if (changes) return Errno::IsDirectory;
    return {};
  }
  if (flags & kOpenDirectory) return Errno::NotDirectory;
  if (inode->is_link() && !(flags & kOpenPath)) return Errno::Loop;
  if (inode->is_regular() && !(flags & kOpenPath) &&
      (wants_write(flags) || (flags & kOpenTruncate))) {
    return check_writable(inode.get());
  }
  return {};
}

/// A description behind /proc/self/fd/N that has no inode (a pipe, a socket) is shared, not opened
/// anew: the kinds have no way to make a second one.
Result<RefPtr<File>> share_description(const RefPtr<File>& file, int flags) {
  if (file->kind() == File::Kind::Socket) return Errno::NoDeviceOrAddress;
  if (flags & kOpenDirectory) return Errno::NotDirectory;
  const int access = flags & kOpenAccessMask;
  if (access != kOpenWriteOnly && !file->is_readable()) return Errno::Access;
  if (access != kOpenReadOnly && !file->is_writable()) return Errno::Access;
  return file;
}

Result<uint64_t> open_call(int directory, UserString path, int flags, uint32_t mode,
                           uint32_t limits) {
  UserPath text;
  Result<void> copied = text.copy(path);
  if (copied.is_error()) return copied.error();
  Result<RefPtr<DirectoryInode>> base = base_directory(directory, text.view());
  if (base.is_error()) return base.error();
  Result<RefPtr<File>> file = open_path(base.take(), text.view(), flags, mode, limits);
  if (file.is_error()) return file.error();
  Result<void> awaited = await_publication(file.value().get());
  if (awaited.is_error()) return awaited.error();
  Result<int> descriptor = fd_install(file.take(), (flags & kOpenCloseOnExec) != 0);
  if (descriptor.is_error()) return descriptor.error();
  return static_cast<uint64_t>(descriptor.value());
}

}  // namespace

Result<RefPtr<File>> open_path(RefPtr<DirectoryInode> base, StringView path, int flags,
                               uint32_t mode, uint32_t walk_limits) {
  flags &= kOpenKnown;
  if (flags & kOpenPath) {
    flags &= kOpenPath | kOpenDirectory | kOpenNoFollow | kOpenCloseOnExec;
  } else if ((flags & kOpenAccessMask) == kOpenAccessMask) {
    return Errno::Invalid;
  }
  const bool is_temporary = (flags & kOpenTemporaryBit) != 0;
  if (is_temporary && !(flags & kOpenDirectory)) return Errno::Invalid;
  if ((flags & kOpenCreate) && (flags & kOpenDirectory)) return Errno::Invalid;
  const bool is_exclusive = (flags & kOpenCreate) && (flags & kOpenExclusive);
  const bool follows = !(flags & kOpenNoFollow) && !is_exclusive;

  const uint32_t walk_flags =
      walk_limits | (follows ? kWalkFollow : 0) | ((flags & kOpenCreate) ? kWalkCreate : 0);

  Walk walk;
  TreeGuard guard;
  Result<void> walked = walk_path(move(base), path, walk_flags, &walk);
  if (walked.is_error()) return walked.error();
  if (is_temporary) return open_temporary(walk.inode, flags, mode);
  if (walk.is_missing()) {
    if (!(flags & kOpenCreate)) return Errno::NoEntry;
    return create_and_open(walk, flags, mode);
  }
  if (is_exclusive) return Errno::Exists;
  if (!walk.inode) return share_description(walk.file, flags);
  Result<void> allowed = check_existing(walk.inode, flags);
  if (allowed.is_error()) return allowed.error();
  if ((flags & kOpenTruncate) && walk.inode->as_regular()) {
    Result<void> truncated = walk.inode->as_regular()->truncate(0);
    if (truncated.is_error()) return truncated.error();
    notify_inode_locked(walk.inode.get(), kNotifyModify);
  }
  return open_inode(walk.inode, flags);
}

Result<RefPtr<File>> vfs_open(StringView path, int flags, uint32_t mode) {
  return open_path(working_directory(), path, flags, mode);
}

Result<uint64_t> sys_openat(int directory, UserString path, int flags, uint32_t mode) {
  return open_call(directory, path, flags, mode, 0);
}

Result<uint64_t> sys_open(UserString path, int flags, uint32_t mode) {
  return open_call(kAtCurrentDirectory, path, flags, mode, 0);
}

Result<uint64_t> sys_creat(UserString path, uint32_t mode) {
  return open_call(kAtCurrentDirectory, path, kOpenCreate | kOpenWriteOnly | kOpenTruncate, mode,
                   0);
}

Result<uint64_t> sys_openat2(int directory, UserString path, UserPtr<void> how, uint64_t size) {
  if (size < sizeof(OpenHow)) return Errno::Invalid;
  if (size > kPageSize) return Errno::TooBig;
  Result<OpenHow> read = how.cast<OpenHow>().read();
  if (read.is_error()) return read.error();
  // A longer structure is fine while what this kernel does not know is zero.
  for (uint64_t at = sizeof(OpenHow); at < size; ++at) {
    Result<uint8_t> byte = UserPtr<uint8_t>(how.address() + at).read();
    if (byte.is_error()) return byte.error();
    if (byte.value() != 0) return Errno::TooBig;
  }
  const OpenHow wanted = read.value();
  constexpr uint64_t kResolveKnown =
      kWalkNoMounts | kWalkNoMagicLinks | kWalkNoLinks | kWalkBeneath | kWalkInRoot | kWalkCached;
  if (wanted.flags & ~static_cast<uint64_t>(kOpenKnown)) return Errno::Invalid;
  if (wanted.resolve & ~kResolveKnown) return Errno::Invalid;
  if ((wanted.resolve & kWalkBeneath) && (wanted.resolve & kWalkInRoot)) return Errno::Invalid;
  const bool creates = (wanted.flags & (kOpenCreate | kOpenTemporaryBit)) != 0;
  if (wanted.mode & ~07777ull) return Errno::Invalid;
  if (!creates && wanted.mode != 0) return Errno::Invalid;
  const uint64_t path_flags = kOpenPath | kOpenDirectory | kOpenNoFollow | kOpenCloseOnExec;
  if ((wanted.flags & kOpenPath) && (wanted.flags & ~path_flags)) return Errno::Invalid;
  return open_call(directory, path, static_cast<int>(wanted.flags),
                   static_cast<uint32_t>(wanted.mode), static_cast<uint32_t>(wanted.resolve));
}

Result<uint64_t> sys_memfd_create(UserString name, uint32_t flags) {
  constexpr uint32_t kKnown =
      kMemfdCloseOnExec | kMemfdAllowSealing | kMemfdNoExecuteSeal | kMemfdExecutable;
  if (flags & kMemfdHugePages) return Errno::NotSupported;
  if (flags & ~kKnown) return Errno::Invalid;
  char former[8 + kMemfdNameMaximum + 1] = "/memfd:";
  Result<size_t> copied = copy_string_from_user(former + 7, name.address(), kMemfdNameMaximum + 1);
  if (copied.is_error()) {
    return copied.error() == Errno::NameTooLong ? Errno::Invalid : copied.error();
  }
  Result<RefPtr<RegularInode>> inode =
      new_regular(file_systems().shared_memory, (flags & kMemfdNoExecuteSeal) ? 0666u : 0777u);
  if (inode.is_error()) return inode.error();
  if (!inode.value()->set_former_path(StringView(former, 7 + copied.value()))) {
    return Errno::NoMemory;
  }
  if (flags & (kMemfdAllowSealing | kMemfdNoExecuteSeal)) inode.value()->allow_sealing();
  Result<RefPtr<File>> file = inode.value()->open(kOpenReadWrite | kOpenLargeFile);
  if (file.is_error()) return file.error();
  Result<int> descriptor = fd_install(file.take(), (flags & kMemfdCloseOnExec) != 0);
  if (descriptor.is_error()) return descriptor.error();
  return static_cast<uint64_t>(descriptor.value());
}

}  // namespace runtime
