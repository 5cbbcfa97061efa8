// From a path to an inode: path_resolution(7).
#pragma once

#include "linux/fs/tree.h"
#include "memory/user.h"

namespace runtime {

/// A path handed in by the application, copied into kernel memory: short ones on the stack.
class UserPath {
 public:
  UserPath() = default;
  ~UserPath();
  UserPath(const UserPath&) = delete;
  UserPath& operator=(const UserPath&) = delete;
  /// Errors: Fault, NameTooLong, NoMemory.
  Result<void> copy(UserString path);
  StringView view() const { return StringView(long_ ? long_ : short_, size_); }

 private:
  static constexpr size_t kShort = 192;
  char short_[kShort];
  char* long_ = nullptr;
  size_t size_ = 0;
};

// How to walk. The first three are ours, the others have the values of openat2(2) RESOLVE_*.
constexpr uint32_t kWalkFollow = 0x100;  // follow a symbolic link at the end of the path
constexpr uint32_t kWalkName = 0x200;    // the last name itself counts, slashes after it or not
constexpr uint32_t kWalkCreate = 0x400;  // open(2) with O_CREAT: a slash at the end is EISDIR
constexpr uint32_t kWalkNoMounts = 0x01;
constexpr uint32_t kWalkNoMagicLinks = 0x02;
constexpr uint32_t kWalkNoLinks = 0x04;
constexpr uint32_t kWalkBeneath = 0x08;
constexpr uint32_t kWalkInRoot = 0x10;
constexpr uint32_t kWalkCached = 0x20;

/// Where a path led. Declare it before the TreeGuard: what it holds must go away after the guard.
struct Walk {
  enum class Last { Name, Root, Dot, DotDot };

  RefPtr<DirectoryInode> parent;  // of the last name; null unless `last` is Name
  char name_data[kNameMaximum + 1];
  size_t name_size = 0;
  Last last = Last::Root;
  bool has_trailing_slash = false;
  RefPtr<Inode> inode;  // null when the last name does not exist
  RefPtr<File> file;    // the description that a magic link at the end led to
  RefPtr<File> passed;  // one that a magic link on the way led to

  StringView name() const { return StringView(name_data, name_size); }
  bool is_missing() const { return !inode && !file; }
};

/// Walks `path` from `base` (or the root). A missing last name is no error: see Walk::inode. Tree
/// mutex held. Errors: NoEntry, NotDirectory, Loop, NameTooLong, NoMemory, CrossDevice (kWalk
/// limits).
Result<void> walk_path(RefPtr<DirectoryInode> base, StringView path, uint32_t flags, Walk* walk);

/// The directory that a relative `path` starts from, for the *at calls; an absolute path ignores
/// `descriptor`. Errors: BadFile, NotDirectory.
Result<RefPtr<DirectoryInode>> base_directory(int descriptor, StringView path);

/// What a call about an existing object works on: an inode, or a description without one.
struct Target {
  RefPtr<Inode> inode;
  RefPtr<File> file;
};
constexpr int kAtNoFollow = 0x100;         // AT_SYMLINK_NOFOLLOW
constexpr int kAtRemoveDirectory = 0x200;  // AT_REMOVEDIR; AT_EACCESS for faccessat2(2)
constexpr int kAtFollow = 0x400;           // AT_SYMLINK_FOLLOW
constexpr int kAtNoAutomount = 0x800;      // AT_NO_AUTOMOUNT
constexpr int kAtEmptyPath = 0x1000;       // AT_EMPTY_PATH

/// Finds what `path` names, with the flags kAtNoFollow and kAtEmptyPath. Takes the tree mutex.
/// Errors: as path_resolution(7).
Result<void> find_target(int directory, UserString path, int flags, Target* target);

/// unlink(2) and rmdir(2). Takes the tree mutex.
Result<uint64_t> remove_name(int directory, UserString path, bool is_directory);

/// open(2) for the rest of the kernel and the calls. Takes the tree mutex. Errors: as open(2).
Result<RefPtr<File>> open_path(RefPtr<DirectoryInode> base, StringView path, int flags,
                               uint32_t mode, uint32_t walk_limits = 0);

}  // namespace runtime
