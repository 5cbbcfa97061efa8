#include "linux/ipc/fifo.h"

#include "linux/fs/inode.h"
#include "linux/fs/socket_inode.h"
#include "linux/ipc/pipe.h"
#include "linux/vfs.h"

namespace runtime {

namespace {

/// A pipe's description that remembers the name it was opened by.
class FifoFile : public PipeFile {
 public:
  FifoFile(RefPtr<Pipe> pipe, int status_flags, RefPtr<Inode> inode)
      : PipeFile(move(pipe), status_flags), inode_(move(inode)) {}

  Result<void> stat(Stat* result) override {
    inode_->stat(result);
    return {};
  }
  Inode* inode() override { return inode_.get(); }
  size_t describe(char* buffer, size_t capacity) override {
    return vfs_path_of(this, buffer, capacity);
  }

 private:
  RefPtr<Inode> inode_;
};

/// The pipe behind the inode; the first opener makes it. It stays as long as the inode.
Result<RefPtr<Pipe>> pipe_of(Inode* inode) {
  RefPtr<RefCounted> bound = inode->binding();
  if (bound) return RefPtr<Pipe>(static_cast<Pipe*>(bound.get()));
  Result<RefPtr<Pipe>> created = Pipe::create();
  if (!created.is_error()) inode->set_binding(created.value());
  return created;
}

/// open(2) of a FIFO: a reader waits for a writer and the other way round, O_RDWR waits for nobody,
/// and a non-blocking writer without a reader gets ENXIO.
Result<RefPtr<File>> open_fifo(Inode* inode, int flags) {
  Result<RefPtr<Pipe>> found = pipe_of(inode);
  if (found.is_error()) return found.error();
  RefPtr<Pipe> pipe = found.take();
  const int access = flags & kOpenAccessMask;
  const bool non_blocking = (flags & kOpenNonBlocking) != 0;
  if (access == kOpenWriteOnly && non_blocking && !pipe->has_readers()) {
    return Errno::NoDeviceOrAddress;
  }
  const bool is_reader = access == kOpenReadOnly;
  const uint32_t opens_before = pipe->opens(is_reader);
  RefPtr<File> file = RefPtr<File>::adopt(new FifoFile(pipe, flags, RefPtr<Inode>(inode)));
  if (!file) return Errno::NoMemory;
  if (access != kOpenReadWrite && !non_blocking) {
    Result<void> met = pipe->wait_for_peer(is_reader, opens_before);
    if (met.is_error()) return met.error();
  }
  return file;
}

}  // namespace

void fifo_initialise() { set_fifo_opener(open_fifo); }

}  // namespace runtime
