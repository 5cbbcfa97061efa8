// Pipes and FIFOs: pipe(7).
#pragma once

#include "lib/ring.h"
#include "linux/ipc/pollable_file.h"
#include "sync/mutex.h"

namespace runtime {

constexpr size_t kPipeCapacity = 64 * 1024;
constexpr size_t kPipeAtomicSize = 4096;  // PIPE_BUF: writes up to this size are never split
constexpr size_t kPipeMaximumCapacity = 1024 * 1024;

/// The bytes between the two ends, and how many descriptions are open at each.
class Pipe : public RefCounted {
 public:
  /// Errors: NoMemory.
  static Result<RefPtr<Pipe>> create();

  /// Waits for bytes unless `non_blocking`; 0 when no writer is left. Errors: Again, Restart,
  /// Fault.
  Result<size_t> read(IoBuffer& buffer, bool non_blocking);
  /// Waits for space unless `non_blocking`. Errors: BrokenPipe (after SIGPIPE) when no reader is
  /// left, Again, Restart, Fault, NoMemory.
  Result<size_t> write(IoBuffer& buffer, bool non_blocking);
  /// The poll(2) bits of a reader. A FIFO is hung up only once a writer has come and gone since
  /// the reader opened it, when `opens(true)` was `writers_before`.
  uint32_t reader_events(uint32_t writers_before) const;
  uint32_t writer_events() const;
  WaitQueue& queue() { return queue_; }

  /// Counts a description with the given access mode in, and out again.
  void open_end(int status_flags);
  void close_end(int status_flags);
  /// How often an end was opened so far.
  uint32_t opens(bool of_writers) const;
  /// Waits until the end opposite to a reader's or writer's is open, or was opened since `opens`
  /// returned `opens_before` for it. Errors: Restart.
  Result<void> wait_for_peer(bool is_reader, uint32_t opens_before);
  bool has_readers() const { return __atomic_load_n(&readers_, __ATOMIC_ACQUIRE) > 0; }

  uint64_t inode_number() const { return inode_number_; }
  size_t used() const { return ring_.used(); }
  size_t capacity();
  /// Sets the capacity to at least `size` bytes; returns what it became. Errors: Busy when the
  /// content would not fit, Perm above 1 MiB, Invalid, NoMemory.
  Result<size_t> set_capacity(size_t size);

 private:
  Pipe() : inode_number_(next_anonymous_inode()) {}
  bool has_writers() const { return __atomic_load_n(&writers_, __ATOMIC_ACQUIRE) > 0; }
  Result<size_t> write_piece(IoBuffer& buffer);

  Mutex mutex_{MutexRank::Pipe};  // the ring; held while bytes are copied
  Ring ring_;
  WaitQueue queue_;
  uint32_t readers_ = 0;       // atomic
  uint32_t writers_ = 0;       // atomic
  uint32_t reader_opens_ = 0;  // atomic; how many were ever opened
  uint32_t writer_opens_ = 0;
  const uint64_t inode_number_;
};

/// An open description of a pipe: one of its ends, or both (a FIFO opened with O_RDWR).
class PipeFile : public PollableFile {
 public:
  PipeFile(RefPtr<Pipe> pipe, int status_flags);

  Result<size_t> read(IoBuffer& buffer) override;
  Result<size_t> write(IoBuffer& buffer) override;
  Result<uint64_t> ioctl(uint32_t request, uint64_t argument) override;
  Result<void> stat(Stat* result) override;
  uint32_t poll_events() override;
  WaitQueue* poll_queue() override { return &pipe_->queue(); }
  size_t describe(char* buffer, size_t capacity) override;
  Kind kind() const override { return Kind::Pipe; }
  Result<void> freeze(FrozenFile* into) override;

 protected:
  ~PipeFile() override;

 private:
  RefPtr<Pipe> pipe_;
  const uint32_t writers_before_;
};

}  // namespace runtime
