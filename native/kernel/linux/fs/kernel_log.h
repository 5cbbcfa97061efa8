// /dev/kmsg: the kernel log, a record at a time, and lines of the app's own.
#pragma once

#include "linux/fs/inode.h"

namespace runtime {

/// Opens it. Format: Linux, Documentation/ABI/testing/dev-kmsg. Errors: NoMemory.
Result<RefPtr<File>> open_kernel_log(RefPtr<Inode> inode, int flags);

/// Waits until the log has text behind `position`. Errors: Interrupted.
Result<void> wait_for_log(uint64_t position);

}  // namespace runtime
