// Names of AF_UNIX sockets in the file system, and the door for fifos: unix(7), fifo(7).
#pragma once

#include "linux/fs/inode.h"

namespace runtime {

/// Creates a socket inode at `path` (relative paths start at the working directory) for bind(2).
/// `permissions` are masked with the umask. `binding` is what lookup finds in Inode::binding().
/// Errors: AddressInUse when the name exists, else as mknod(2).
Result<RefPtr<Inode>> create_socket_inode(StringView path, uint32_t permissions,
                                          RefPtr<RefCounted> binding);
/// The socket inode at `path`, links followed, for connect(2). Errors: NoEntry, NotDirectory, Loop,
/// ConnectionRefused when the name is no socket (unix(7)).
Result<RefPtr<Inode>> find_socket_inode(StringView path);

/// Opens a fifo inode: the pipe is kept in Inode::binding(). Errors: as open(2) of a fifo.
using FifoOpener = Result<RefPtr<File>> (*)(Inode* inode, int flags);
/// Registers who opens fifos; without one they answer ENXIO.
void set_fifo_opener(FifoOpener opener);

}  // namespace runtime
