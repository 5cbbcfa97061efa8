// The process's file descriptors. There is one process, so there is one table.
#pragma once

#include "linux/file.h"

namespace runtime {

constexpr int kMaximumDescriptors = 65536;

/// Puts `file` at the lowest free descriptor at or above `minimum`. Errors: TooManyFiles, NoMemory.
Result<int> fd_install(RefPtr<File> file, bool close_on_exec, int minimum = 0);
/// The description behind `descriptor`. Errors: BadFile.
Result<RefPtr<File>> fd_get(int descriptor);
/// Closes `descriptor`. Errors: BadFile.
Result<void> fd_close(int descriptor);
/// dup3(2) core: makes `target` refer to `file`, closing what was there.
Result<void> fd_replace(int target, RefPtr<File> file, bool close_on_exec);
Result<bool> fd_close_on_exec(int descriptor);
Result<void> fd_set_close_on_exec(int descriptor, bool close_on_exec);
/// The lowest open descriptor at or above `from`, or -1: for /proc/self/fd.
int fd_next(int from);

}  // namespace runtime
