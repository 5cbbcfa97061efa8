// The tree: its file systems, its root, the working directory, and changes to names.
#pragma once

#include "linux/fs/inode.h"
#include "linux/fs/regular.h"

namespace runtime {

// Flags of open(2) that only the file system looks at, beyond those of linux/abi.h.
constexpr int kOpenNoAccessTime = 01000000;
constexpr int kOpenLargeFile = 0100000;
// O_TMPFILE contains O_DIRECTORY; this is its own bit.
constexpr int kOpenTemporaryBit = kOpenTemporaryFile & ~kOpenDirectory;

constexpr size_t kPathMaximum = 4096;  // with the NUL, limits.h PATH_MAX
constexpr size_t kNameMaximum = 255;   // limits.h NAME_MAX

/// The mounted file systems. /tmp and /dev/shm share one kind, so do the others by name.
struct FileSystems {
  FileSystem root;
  FileSystem temporary;
  FileSystem devices;
  FileSystem shared_memory;
  FileSystem processes;
  FileSystem system;
};
FileSystems& file_systems();
/// Calls `visit(FileSystem&)` for each in mount order.
template <typename Visit>
void for_each_file_system(Visit visit) {
  FileSystems& all = file_systems();
  visit(all.root);
  visit(all.temporary);
  visit(all.devices);
  visit(all.shared_memory);
  visit(all.processes);
  visit(all.system);
}

/// The root directory; null before vfs_initialise.
RefPtr<TreeDirectory>& root_directory();
RefPtr<DirectoryInode> working_directory();
void set_working_directory(RefPtr<DirectoryInode> directory);
/// The file mode creation mask, umask(2).
uint32_t creation_mask();
uint32_t set_creation_mask(uint32_t mask);

/// Path of `inode` from the root, NUL-terminated and cut at `capacity`; returns the length. An
/// inode without a name shows its former path and " (deleted)". Tree mutex held.
size_t tree_path(Inode* inode, char* buffer, size_t capacity);
/// Room for a path in kernel memory, freed with the object.
class PathBuffer {
 public:
  PathBuffer();
  ~PathBuffer();
  PathBuffer(const PathBuffer&) = delete;
  PathBuffer& operator=(const PathBuffer&) = delete;
  /// kPathMaximum bytes, or null when there is no memory.
  char* data() { return data_; }

 private:
  char* data_;
};

/// Checks that the content and attributes of `inode` may change. Errors: ReadOnly.
Result<void> check_writable(Inode* inode);
/// Checks that names in `directory` may change, and returns it as a tree directory. Errors:
/// ReadOnly, Perm (/proc, /sys), NoEntry (removed directory).
Result<TreeDirectory*> changeable_directory(DirectoryInode* directory);

// Changes to names. The tree mutex is held; names are checked and free (or taken) as the
// function needs. Each updates times and tells observers.

/// Gives a new or existing inode a name. Errors: NoMemory, TooManyLinks, those of
/// changeable_directory.
Result<void> link_inode(DirectoryInode* directory, StringView name, RefPtr<Inode> inode);
/// Takes away a name: of a directory (which is empty) with `is_directory`. Errors: NotEmpty, Busy
/// (mount point), IsDirectory, NotDirectory, NoEntry, those of changeable_directory.
Result<void> unlink_name(DirectoryInode* directory, StringView name, bool is_directory);

/// True when `inode` is the root of a mounted file system.
bool is_mount_point(Inode* inode);

// Building parts of the tree before it is used; the tree mutex is not needed then.

/// The directory at `path` below `from`, made with missing parents. Errors: NoMemory, NotDirectory.
Result<RefPtr<TreeDirectory>> make_directories(TreeDirectory* from, StringView path,
                                               uint32_t permissions);
/// Adds a symbolic link. Errors: NoMemory.
Result<void> make_link(TreeDirectory* directory, StringView name, StringView target);

// The parts, called by vfs_initialise.
Result<void> build_devices(TreeDirectory* devices);
/// Adds a terminal's file to /dev, while the tree is in use. Errors: Invalid, Exists, NoMemory.
Result<void> add_terminal_device(StringView name, uint32_t terminal);
Result<void> build_processes(TreeDirectory* processes);
Result<void> build_system(TreeDirectory* system);
Result<void> load_archive(TreeDirectory* root, StringView archive, const char* archive_name);

}  // namespace runtime
