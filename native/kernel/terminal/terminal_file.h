// Open file descriptions of terminals.
#pragma once

#include "linux/fs/inode.h"

namespace runtime {

/// Opens the terminal with a number for an inode of /dev. Errors: NoDeviceOrAddress, NoMemory.
Result<RefPtr<File>> open_terminal(RefPtr<Inode> inode, int flags, uint32_t index);

}  // namespace runtime
