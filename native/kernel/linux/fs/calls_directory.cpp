// Directories: getdents64, the working directory, mkdir, rmdir.
#include "linux/fd_table.h"
#include "linux/fs/inode_file.h"
#include "linux/fs/path.h"
#include "linux/system_calls.h"
#include "linux/vfs.h"

namespace runtime {

namespace {

constexpr uint32_t kDirectoryBits = 01777;  // mkdir(2): the mode's set-id bits are ignored

Result<uint64_t> make_directory(int descriptor, UserString path, uint32_t mode) {
  UserPath text;
  Result<void> copied = text.copy(path);
  if (copied.is_error()) return copied.error();
  Result<RefPtr<DirectoryInode>> base = base_directory(descriptor, text.view());
  if (base.is_error()) return base.error();
  Walk walk;
  TreeGuard guard;
  Result<void> walked = walk_path(base.take(), text.view(), kWalkName, &walk);
  if (walked.is_error()) return walked.error();
  if (!walk.is_missing()) return Errno::Exists;
  Result<TreeDirectory*> parent = changeable_directory(walk.parent.get());
  if (parent.is_error()) return parent.error();
  TreeDirectory* made =
      new TreeDirectory(walk.parent->file_system(), mode & kDirectoryBits & ~creation_mask());
  if (!made) return Errno::NoMemory;
  Result<void> linked =
      link_inode(walk.parent.get(), walk.name(), RefPtr<TreeDirectory>::adopt(made));
  if (linked.is_error()) return linked.error();
  return static_cast<uint64_t>(0);
}

/// Makes `inode` the working directory. Errors: NotDirectory, also for no inode at all.
Result<void> enter_directory(Inode* inode) {
  DirectoryInode* directory = inode ? inode->as_directory() : nullptr;
  if (!directory) return Errno::NotDirectory;
  TreeGuard guard;
  set_working_directory(RefPtr<DirectoryInode>(directory));
  return {};
}

}  // namespace

Result<uint64_t> remove_name(int descriptor, UserString path, bool is_directory) {
  UserPath text;
  Result<void> copied = text.copy(path);
  if (copied.is_error()) return copied.error();
  Result<RefPtr<DirectoryInode>> base = base_directory(descriptor, text.view());
  if (base.is_error()) return base.error();
  Walk walk;
  TreeGuard guard;
  Result<void> walked = walk_path(base.take(), text.view(), kWalkName, &walk);
  if (walked.is_error()) return walked.error();
  switch (walk.last) {
    case Walk::Last::Name:
      break;
    case Walk::Last::Root:
      return is_directory ? Errno::Busy : Errno::IsDirectory;
    case Walk::Last::Dot:
      return is_directory ? Errno::Invalid : Errno::IsDirectory;
    case Walk::Last::DotDot:
      return is_directory ? Errno::NotEmpty : Errno::IsDirectory;
  }
  if (walk.is_missing()) return Errno::NoEntry;
  if (walk.has_trailing_slash && !walk.inode->is_directory()) return Errno::NotDirectory;
  Result<void> removed = unlink_name(walk.parent.get(), walk.name(), is_directory);
  if (removed.is_error()) return removed.error();
  return static_cast<uint64_t>(0);
}

Result<uint64_t> sys_mkdir(UserString path, uint32_t mode) {
  return make_directory(kAtCurrentDirectory, path, mode);
}

Result<uint64_t> sys_mkdirat(int directory, UserString path, uint32_t mode) {
  return make_directory(directory, path, mode);
}

Result<uint64_t> sys_rmdir(UserString path) { return remove_name(kAtCurrentDirectory, path, true); }

Result<uint64_t> sys_getdents64(int descriptor, UserPtr<void> buffer, uint32_t size) {
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (file.is_error()) return file.error();
  if (file.value()->status_flags() & kOpenPath) return Errno::BadFile;
  Inode* inode = file.value()->inode();
  if (!inode || !inode->is_directory()) return Errno::NotDirectory;
  // Descriptions of directories are DirectoryFiles or PathFiles, and the latter are out by now.
  Result<size_t> done =
      static_cast<DirectoryFile*>(file.value().get())->read_entries(buffer.address(), size);
  if (done.is_error()) return done.error();
  return static_cast<uint64_t>(done.value());
}

Result<uint64_t> sys_getcwd(UserPtr<char> buffer, uint64_t size) {
  PathBuffer path;
  if (!path.data()) return Errno::NoMemory;
  size_t length = 0;
  {
    TreeGuard guard;
    RefPtr<DirectoryInode> directory = working_directory();
    TreeDirectory* tree = directory->as_tree();
    if (tree && tree->was_removed()) return Errno::NoEntry;
    length = tree_path(directory.get(), path.data(), kPathMaximum);
  }
  if (length + 1 > size) return Errno::Range;
  Result<void> copied = copy_to_user(buffer.address(), path.data(), length + 1);
  if (copied.is_error()) return copied.error();
  return static_cast<uint64_t>(length + 1);
}

Result<uint64_t> sys_chdir(UserString path) {
  Target target;
  Result<void> found = find_target(kAtCurrentDirectory, path, 0, &target);
  if (found.is_error()) return found.error();
  Result<void> entered = enter_directory(target.inode.get());
  if (entered.is_error()) return entered.error();
  return static_cast<uint64_t>(0);
}

Result<uint64_t> sys_fchdir(int descriptor) {
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (file.is_error()) return file.error();
  Result<void> entered = enter_directory(file.value()->inode());
  if (entered.is_error()) return entered.error();
  return static_cast<uint64_t>(0);
}

Result<void> vfs_change_directory(StringView path) {
  Result<RefPtr<File>> file = vfs_open(path, kOpenReadOnly | kOpenDirectory);
  if (file.is_error()) return file.error();
  return enter_directory(file.value()->inode());
}

}  // namespace runtime
