// inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2).
#include "linux/fd_table.h"
#include "linux/fs/path.h"
#include "linux/ipc/inotify.h"
#include "linux/ipc/install.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

constexpr uint32_t kValidMask = kInotifyAllEvents | 0x2000 /* IN_UNMOUNT */ |
                                kInotifyQueueOverflow | kInotifyIgnored | kInotifyOnlyDirectory |
                                kInotifyDontFollow | kInotifyExcludeUnlinked | kInotifyMaskCreate |
                                kInotifyMaskAdd | kNotifyIsDirectory | kInotifyOneShot;

/// The file holds the reference that keeps the instance. Errors: BadFile, Invalid.
Result<RefPtr<File>> get_inotify(int descriptor) {
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (!file.is_error() && file.value()->kind() != File::Kind::Inotify) return Errno::Invalid;
  return file;
}

}  // namespace

Result<uint64_t> sys_inotify_init1(int flags) {
  if (flags & ~(kOpenNonBlocking | kOpenCloseOnExec)) return Errno::Invalid;
  RefPtr<File> file = RefPtr<File>::adopt(new Inotify(flags & kOpenNonBlocking));
  return install_file(file, (flags & kOpenCloseOnExec) != 0);
}

Result<uint64_t> sys_inotify_init() { return sys_inotify_init1(0); }

Result<uint64_t> sys_inotify_add_watch(int inotify, UserString path, uint32_t mask) {
  if (!(mask & kValidMask)) return Errno::Invalid;
  if ((mask & kInotifyMaskAdd) && (mask & kInotifyMaskCreate)) return Errno::Invalid;
  Result<RefPtr<File>> file = get_inotify(inotify);
  if (file.is_error()) return file.error();
  UserPath copied;
  Result<void> loaded = copied.copy(path);
  if (loaded.is_error()) return loaded.error();
  Result<RefPtr<Inode>> inode = find_inode(copied.view(), !(mask & kInotifyDontFollow));
  if (inode.is_error()) return inode.error();
  if ((mask & kInotifyOnlyDirectory) && !inode.value()->is_directory()) {
    return Errno::NotDirectory;
  }
  Result<int> watch = static_cast<Inotify*>(file.value().get())->add_watch(inode.value(), mask);
  if (watch.is_error()) return watch.error();
  return static_cast<uint64_t>(watch.value());
}

Result<uint64_t> sys_inotify_rm_watch(int inotify, int watch) {
  Result<RefPtr<File>> file = get_inotify(inotify);
  if (file.is_error()) return file.error();
  Result<void> removed = static_cast<Inotify*>(file.value().get())->remove_watch(watch);
  if (removed.is_error()) return removed.error();
  return uint64_t{0};
}

}  // namespace runtime
