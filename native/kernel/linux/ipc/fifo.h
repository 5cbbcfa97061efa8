// Named pipes: fifo(7).
#pragma once

namespace runtime {

/// Registers with the file system who opens FIFO inodes. Call once at start.
void fifo_initialise();

}  // namespace runtime
