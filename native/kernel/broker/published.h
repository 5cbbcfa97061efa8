// What the service publishes for the rest of the kernel.
#pragma once

namespace runtime {

/// Makes netlink and ioctl(2) ask for the published interfaces.
void publish_initialise();
/// Nobody waits for published files any more: no service will publish them.
void release_file_waiters();

}  // namespace runtime
