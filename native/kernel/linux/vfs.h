// The door to the file system for the rest of the kernel.
#pragma once

#include "lib/result.h"
#include "lib/string.h"
#include "linux/file.h"

namespace runtime {

/// Builds the tree: the archives' files mapped in place, /tmp, /dev, /proc, /sys. `base` and
/// `initrd` are cpio (newc) archives in the kernel's view of physical memory, page aligned, and stay
/// where they are. Later archives add to or replace earlier entries. With `writable_root` files
/// outside /tmp can be written too (copied up page by page). Errors: Invalid, with a log line that
/// says which archive is wrong, at what offset, and why.
Result<void> vfs_initialise(StringView base, StringView initrd, bool writable_root);

/// Opens an absolute path with flags as open(2). Errors: as open(2).
Result<RefPtr<File>> vfs_open(StringView path, int flags, uint32_t mode = 0);

/// Makes `path` the working directory. Errors: as chdir(2).
Result<void> vfs_change_directory(StringView path);

/// Path of an inode-backed file as /proc/self/maps shows it; returns the length written.
size_t vfs_path_of(File* file, char* buffer, size_t capacity);

/// Says which file the process runs, for /proc/self/exe.
void vfs_set_executable(File* file);

/// Bytes that tmpfs files occupy.
uint64_t vfs_tmpfs_bytes();

}  // namespace runtime
