#include "linux/ipc/pipe.h"

#include "lib/format.h"
#include "lib/types.h"
#include "linux/signals.h"
#include "warm/frozen_file.h"

namespace runtime {

namespace {

constexpr uint32_t kReadableBytesRequest = 0x541b;  // FIONREAD

constexpr uint32_t kReadable = kPollIn | kPollReadNormal;
constexpr uint32_t kWritable = kPollOut | kPollWriteNormal;

bool flags_read(int status_flags) { return (status_flags & kOpenAccessMask) != kOpenWriteOnly; }
bool flags_write(int status_flags) { return (status_flags & kOpenAccessMask) != kOpenReadOnly; }

}  // namespace

Result<RefPtr<Pipe>> Pipe::create() {
  RefPtr<Pipe> pipe = RefPtr<Pipe>::adopt(new Pipe());
  if (!pipe) return Errno::NoMemory;
  Result<void> sized = pipe->ring_.set_capacity(kPipeCapacity);
  if (sized.is_error()) return sized.error();
  return pipe;
}

Result<size_t> Pipe::read(IoBuffer& buffer, bool non_blocking) {
  if (buffer.remaining() == 0) return size_t{0};
  for (;;) {
    {
      MutexGuard guard(mutex_);
      const size_t size = min_of(ring_.used(), buffer.remaining());
      if (size > 0) {
        Result<void> copied = ring_.read(buffer, size);
        if (copied.is_error()) return copied.error();
        queue_.wake_all(kWritable);
        return size;
      }
    }
    if (!has_writers()) return size_t{0};
    if (non_blocking) return Errno::Again;
    const WaitResult waited = queue_.wait([this] { return ring_.used() > 0 || !has_writers(); });
    if (waited != WaitResult::Ready) return Errno::Restart;
  }
}

Result<size_t> Pipe::write(IoBuffer& buffer, bool non_blocking) {
  if (buffer.remaining() == 0) return size_t{0};
  // The space that must be free before anything goes in: all for an atomic write.
  const size_t needed = buffer.remaining() <= kPipeAtomicSize ? buffer.remaining() : 1;
  size_t written = 0;
  while (buffer.remaining() > 0) {
    if (!has_readers()) {
      raise_broken_pipe();
      if (written > 0) return written;
      return Errno::BrokenPipe;
    }
    {
      MutexGuard guard(mutex_);
      if (ring_.free_space() >= needed) {
        Result<size_t> piece = write_piece(buffer);
        if (piece.is_error()) {
          if (written > 0) return written;
          return piece;
        }
        written += piece.value();
        queue_.wake_all(kReadable);
        continue;
      }
    }
    if (non_blocking) {
      if (written > 0) return written;
      return Errno::Again;
    }
    const WaitResult waited =
        queue_.wait([this, needed] { return ring_.free_space() >= needed || !has_readers(); });
    if (waited != WaitResult::Ready) {
      if (written > 0) return written;
      return Errno::Restart;
    }
  }
  return written;
}

/// Copies as much as fits, in pieces small enough that a fault loses little. Mutex held.
Result<size_t> Pipe::write_piece(IoBuffer& buffer) {
  const size_t size = min_of(min_of(ring_.free_space(), buffer.remaining()), kPipeAtomicSize);
  Result<void> copied = ring_.write(buffer, size);
  if (copied.is_error()) return copied.error();
  return size;
}

uint32_t Pipe::reader_events(uint32_t writers_before) const {
  uint32_t events = ring_.used() > 0 ? kReadable : 0;
  if (!has_writers() && opens(true) != writers_before) events |= kPollHangUp;
  return events;
}

uint32_t Pipe::writer_events() const {
  uint32_t events = ring_.free_space() >= kPipeAtomicSize ? kWritable : 0;
  if (!has_readers()) events |= kPollError;
  return events;
}

void Pipe::open_end(int status_flags) {
  if (flags_read(status_flags)) {
    __atomic_add_fetch(&readers_, 1, __ATOMIC_RELEASE);
    __atomic_add_fetch(&reader_opens_, 1, __ATOMIC_RELEASE);
  }
  if (flags_write(status_flags)) {
    __atomic_add_fetch(&writers_, 1, __ATOMIC_RELEASE);
    __atomic_add_fetch(&writer_opens_, 1, __ATOMIC_RELEASE);
  }
  queue_.wake_all();
}

void Pipe::close_end(int status_flags) {
  uint32_t events = 0;
  if (flags_read(status_flags) && __atomic_sub_fetch(&readers_, 1, __ATOMIC_ACQ_REL) == 0) {
    events |= kPollError | kWritable;
  }
  if (flags_write(status_flags) && __atomic_sub_fetch(&writers_, 1, __ATOMIC_ACQ_REL) == 0) {
    events |= kPollHangUp | kReadable;
  }
  if (events) queue_.wake_all(events);
}

uint32_t Pipe::opens(bool of_writers) const {
  return __atomic_load_n(of_writers ? &writer_opens_ : &reader_opens_, __ATOMIC_ACQUIRE);
}

Result<void> Pipe::wait_for_peer(bool is_reader, uint32_t opens_before) {
  const WaitResult waited = queue_.wait([this, is_reader, opens_before] {
    return (is_reader ? has_writers() : has_readers()) || opens(is_reader) != opens_before;
  });
  if (waited != WaitResult::Ready) return Errno::Restart;
  return {};
}

size_t Pipe::capacity() {
  MutexGuard guard(mutex_);
  return ring_.capacity();
}

Result<size_t> Pipe::set_capacity(size_t size) {
  if (size == 0) return Errno::Invalid;
  if (size > kPipeMaximumCapacity) return Errno::Perm;
  size_t capacity = kPageSize;
  while (capacity < size) capacity *= 2;
  MutexGuard guard(mutex_);
  Result<void> resized = ring_.set_capacity(capacity);
  if (resized.is_error()) return resized.error();
  queue_.wake_all(kWritable);
  return capacity;
}

PipeFile::PipeFile(RefPtr<Pipe> pipe, int status_flags)
    : PollableFile(status_flags), pipe_(move(pipe)), writers_before_(pipe_->opens(true)) {
  pipe_->open_end(status_flags);
}

PipeFile::~PipeFile() { pipe_->close_end(status_flags()); }

Result<size_t> PipeFile::read(IoBuffer& buffer) {
  if (!is_readable()) return Errno::BadFile;
  return pipe_->read(buffer, is_non_blocking());
}

Result<size_t> PipeFile::write(IoBuffer& buffer) {
  if (!is_writable()) return Errno::BadFile;
  return pipe_->write(buffer, is_non_blocking());
}

/// Besides ioctl(2) requests it takes the two commands of fcntl(2) that are about pipes.
Result<uint64_t> PipeFile::ioctl(uint32_t request, uint64_t argument) {
  switch (request) {
    case kFcntlGetPipeSize:
      return uint64_t{pipe_->capacity()};
    case kFcntlSetPipeSize: {
      if (argument > UINT32_MAX / 2) return Errno::Invalid;
      Result<size_t> capacity = pipe_->set_capacity(argument);
      if (capacity.is_error()) return capacity.error();
      return uint64_t{capacity.value()};
    }
    case kReadableBytesRequest: {
      Result<void> copied = UserPtr<int>(argument).write(static_cast<int>(pipe_->used()));
      if (copied.is_error()) return copied.error();
      return uint64_t{0};
    }
    default:
      return Errno::NotTerminal;
  }
}

Result<void> PipeFile::stat(Stat* result) {
  fill_anonymous_stat(result, kModeFifo | 0600, pipe_->inode_number());
  return {};
}

uint32_t PipeFile::poll_events() {
  return (is_readable() ? pipe_->reader_events(writers_before_) : 0) |
         (is_writable() ? pipe_->writer_events() : 0);
}

Result<void> PipeFile::freeze(FrozenFile* into) {
  into->kind = FrozenFileKind::PipeEnd;
  into->value = pipe_->inode_number();
  into->flag = is_readable() ? pipe_->used() : 0;
  return {};
}

size_t PipeFile::describe(char* buffer, size_t capacity) {
  return format(buffer, capacity, "pipe:[%lu]", pipe_->inode_number());
}

}  // namespace runtime
