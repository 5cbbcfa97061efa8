// Open file descriptions: what a file descriptor refers to.
#pragma once

#include "lib/ref.h"
#include "lib/result.h"
#include "linux/abi.h"
#include "memory/mappable.h"
#include "memory/user.h"
#include "sched/wait_queue.h"

namespace runtime {

class Inode;
struct FrozenFile;

/// An open file description (open(2)): shared by duplicated descriptors. Kinds derive from it and
/// override what they support; the defaults return what Linux returns for an unsupported operation.
class File : public RefCounted {
 public:
  explicit File(int status_flags) : status_flags_(status_flags) {}

  /// Reads up to `buffer.remaining()` bytes at the file's position (seekable kinds advance it).
  /// Returns the count, 0 at the end. Blocks unless O_NONBLOCK. Errors: as read(2).
  virtual Result<size_t> read(IoBuffer& buffer) {
    (void)buffer;
    return Errno::Invalid;
  }
  virtual Result<size_t> write(IoBuffer& buffer) {
    (void)buffer;
    return Errno::Invalid;
  }
  /// pread(2) and pwrite(2): at `offset`, position untouched.
  virtual Result<size_t> read_at(IoBuffer& buffer, uint64_t offset) {
    (void)buffer;
    (void)offset;
    return Errno::IllegalSeek;
  }
  virtual Result<size_t> write_at(IoBuffer& buffer, uint64_t offset) {
    (void)buffer;
    (void)offset;
    return Errno::IllegalSeek;
  }
  virtual Result<uint64_t> seek(int64_t offset, int whence) {
    (void)offset;
    (void)whence;
    return Errno::IllegalSeek;
  }
  /// ioctl(2); `argument` is what the application passed.
  virtual Result<uint64_t> ioctl(uint32_t request, uint64_t argument) {
    (void)request;
    (void)argument;
    return Errno::NotTerminal;
  }
  virtual Result<void> stat(Stat* result) = 0;
  /// The poll(2) bits that are true now.
  virtual uint32_t poll_events() { return kPollIn | kPollOut | kPollReadNormal | kPollWriteNormal; }
  /// The queue that is woken when `poll_events` may have changed; null for kinds that are always
  /// ready (epoll_ctl refuses those with EPERM, as Linux does for regular files).
  virtual WaitQueue* poll_queue() { return nullptr; }
  /// The object to map for mmap(2). Errors: NoDevice when the kind cannot be mapped, Access.
  virtual Result<RefPtr<Mappable>> mappable(bool shared_writable) {
    (void)shared_writable;
    return Errno::NoDevice;
  }
  /// The inode behind the description (regular files, directories, devices); null for others.
  virtual Inode* inode() { return nullptr; }
  /// Called when a descriptor that refers to this description is closed (others may remain).
  virtual void descriptor_closed() {}
  /// Text for /proc/self/fd/N and traces, e.g. "pipe:[12]", "anon_inode:[eventpoll]", or a path.
  virtual size_t describe(char* buffer, size_t capacity) = 0;
  /// What kind this is, for families that need their own (epoll_ctl on an epoll file, sockets).
  enum class Kind { Other, Inode, Pipe, EventFd, TimerFd, SignalFd, Epoll, Inotify, Socket };
  virtual Kind kind() const { return Kind::Other; }

  /// Writes down what makes an equal description in another life of the process; flags, path and content are the
  /// caller's. Errors: NotSupported for kinds whose state is elsewhere too.
  virtual Result<void> freeze(FrozenFile* into) {
    (void)into;
    return Errno::NotSupported;
  }

  int status_flags() const { return status_flags_; }
  /// Changes O_APPEND and O_NONBLOCK (fcntl F_SETFL); the access mode stays.
  void set_status_flags(int flags) { status_flags_ = flags; }
  bool is_non_blocking() const { return (status_flags_ & kOpenNonBlocking) != 0; }
  bool is_readable() const { return (status_flags_ & kOpenAccessMask) != kOpenWriteOnly; }
  bool is_writable() const { return (status_flags_ & kOpenAccessMask) != kOpenReadOnly; }

 private:
  int status_flags_;
};

}  // namespace runtime
