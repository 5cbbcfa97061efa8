#include "linux/ipc/unix_channel.h"

#include "lib/types.h"
#include "linux/ipc/unix_name.h"

namespace runtime {

Result<RefPtr<UnixChannel>> UnixChannel::create(Mode mode, size_t capacity,
                                                RefPtr<SharedWaitQueue> reader) {
  RefPtr<UnixChannel> channel = RefPtr<UnixChannel>::adopt(new UnixChannel(mode, move(reader)));
  if (!channel) return Errno::NoMemory;
  Result<void> sized = channel->ring_.set_capacity(align_up(capacity, kPageSize));
  if (sized.is_error()) return sized.error();
  return channel;
}

UnixChannel::~UnixChannel() {
  while (UnixRecord* record = records_.pop_front()) delete record;
}

Result<void> UnixChannel::add_writer(RefPtr<SharedWaitQueue> writer) {
  MutexGuard guard(mutex_);
  return writers_.push(move(writer));
}

void UnixChannel::remove_writer(SharedWaitQueue* writer) {
  MutexGuard guard(mutex_);
  for (size_t i = 0; i < writers_.size(); ++i) {
    if (writers_[i].get() != writer) continue;
    writers_.remove(i);
    return;
  }
}

// Sending

/// Puts `size` bytes in, together with `record` when there is one; the record is the channel's
/// then. Mutex held.
Result<void> UnixChannel::append(OutgoingMessage& message, size_t size, UnixRecord* record) {
  Result<void> written = ring_.write(message.data, size);
  if (written.is_error()) return written;
  if (record) {
    record->start = sent_;
    record->length = size;
    record->control.files = move(message.control.files);
    records_.push_back(record);
    __atomic_add_fetch(&record_count_, 1, __ATOMIC_RELEASE);
  }
  sent_ += size;
  return {};
}

Result<size_t> UnixChannel::send_bytes(OutgoingMessage& message, const Wait& wait) {
  size_t sent = 0;
  while (message.data.remaining() > 0) {
    Result<void> result;
    {
      MutexGuard guard(mutex_);
      const size_t size = min_of(ring_.free_space(), message.data.remaining());
      if (is_shut()) {
        result = Errno::BrokenPipe;
      } else if (size > 0) {
        UnixRecord* record = nullptr;
        if (!message.control.is_empty()) {
          record = new UnixRecord();
          if (!record) result = Errno::NoMemory;
        }
        if (!result.is_error()) result = append(message, size, record);
        if (result.is_error()) {
          delete record;
        } else {
          sent += size;
          wake_reader();
          continue;
        }
      }
    }
    if (!result.is_error()) {
      result = wait_for_space(wait, [this] { return ring_.free_space() > 0 || is_shut(); });
    }
    if (result.is_error()) {
      if (sent > 0) break;
      return result.error();
    }
  }
  return sent;
}

bool UnixChannel::fits(size_t size, uint32_t limit) const {
  return ring_.free_space() >= size && __atomic_load_n(&record_count_, __ATOMIC_ACQUIRE) < limit;
}

Result<size_t> UnixChannel::send_packet(OutgoingMessage& message, const RefPtr<UnixName>& sender,
                                        uint32_t limit, const Wait& wait) {
  const size_t size = message.data.remaining();
  if (size > ring_.capacity()) return Errno::MessageSize;
  UnixRecord* record = new UnixRecord();
  if (!record) return Errno::NoMemory;
  record->sender = sender;
  Result<void> result;
  for (;;) {
    {
      MutexGuard guard(mutex_);
      if (is_shut()) {
        result = Errno::BrokenPipe;
      } else if (fits(size, limit)) {
        result = append(message, size, record);
        if (!result.is_error()) {
          wake_reader();
          return size;
        }
      }
    }
    if (!result.is_error()) {
      result = wait_for_space(wait, [this, size, limit] { return fits(size, limit) || is_shut(); });
    }
    if (result.is_error()) break;
  }
  delete record;
  return result.error();
}

// Receiving

/// Takes what is there, up to the end of the next record with files. Returns true when that is all
/// this call gets. Mutex held.
Result<bool> UnixChannel::take_bytes(IncomingMessage& message, size_t* received) {
  const bool is_peek = (message.flags & kMessagePeek) != 0;
  size_t size = min_of(ring_.used(), message.data.remaining());
  if (size == 0) return false;
  UnixRecord* record = records_.front();
  if (record && record->start >= received_ + size) record = nullptr;
  if (record) size = min_of(size, static_cast<size_t>(record->end() - received_));
  if (record && is_peek) {
    Result<void> copied = message.control.copy_from(record->control);
    if (copied.is_error()) return copied.error();
  }
  Result<void> copied =
      is_peek ? ring_.peek(message.data, 0, size) : ring_.read(message.data, size);
  if (copied.is_error()) return copied.error();
  *received += size;
  if (is_peek) return true;
  received_ += size;
  if (record) {
    // The files go with the record's first bytes; the rest are bytes like any other.
    message.control.files = move(record->control.files);
    records_.remove(record);
    __atomic_sub_fetch(&record_count_, 1, __ATOMIC_RELEASE);
    delete record;
  }
  wake_writers();
  return record != nullptr;
}

Result<size_t> UnixChannel::receive_bytes(IncomingMessage& message, size_t minimum,
                                          const Wait& wait) {
  size_t received = 0;
  for (;;) {
    Result<bool> is_complete = false;
    {
      MutexGuard guard(mutex_);
      is_complete = take_bytes(message, &received);
    }
    if (is_complete.is_error()) {
      if (received > 0) return received;
      return is_complete.error();
    }
    if (is_complete.value() || message.data.remaining() == 0) return received;
    if (received >= minimum && received > 0) return received;
    if (ring_.used() > 0) continue;
    if (received == 0 && has_error()) return static_cast<Errno>(take_error());
    if (is_shut()) return received;
    Result<void> waited = wait_for_content(wait);
    if (waited.is_error()) {
      if (received > 0) return received;
      return waited.error();
    }
  }
}

Result<size_t> UnixChannel::receive_packet(IncomingMessage& message, const Wait& wait) {
  const bool is_peek = (message.flags & kMessagePeek) != 0;
  for (;;) {
    {
      MutexGuard guard(mutex_);
      if (UnixRecord* record = records_.front()) {
        const size_t size = min_of(static_cast<size_t>(record->length), message.data.remaining());
        Result<void> copied = ring_.peek(message.data, 0, size);
        if (copied.is_error()) return copied.error();
        const size_t length = record->length;
        if (size < length) message.result_flags |= kMessageTruncated;
        if (record->sender) message.address = record->sender->address();
        if (is_peek) {
          copied = message.control.copy_from(record->control);
          if (copied.is_error()) return copied.error();
        } else {
          message.control.files = move(record->control.files);
          ring_.discard(length);
          received_ += length;
          records_.remove(record);
          __atomic_sub_fetch(&record_count_, 1, __ATOMIC_RELEASE);
          delete record;
          wake_writers();
        }
        return (message.flags & kMessageTruncated) ? length : size;
      }
    }
    if (has_error()) return static_cast<Errno>(take_error());
    if (is_shut()) return size_t{0};
    Result<void> waited = wait_for_content(wait);
    if (waited.is_error()) return waited.error();
  }
}

// Waiting and waking

Result<void> UnixChannel::wait_for_content(const Wait& wait) {
  if (wait.non_blocking) return Errno::Again;
  const WaitResult waited = reader_->queue.wait(
      [this] { return is_readable() || is_shut() || has_error(); }, wait.deadline);
  if (waited == WaitResult::TimedOut) return Errno::Again;
  if (waited == WaitResult::Interrupted) return wait.interrupted;
  return {};
}

template <typename Condition>
Result<void> UnixChannel::wait_for_space(const Wait& wait, Condition condition) {
  if (wait.non_blocking) return Errno::Again;
  const WaitResult waited = space_queue_.wait(condition, wait.deadline);
  if (waited == WaitResult::TimedOut) return Errno::Again;
  if (waited == WaitResult::Interrupted) return wait.interrupted;
  return {};
}

bool UnixChannel::is_readable() const {
  if (mode_ == Mode::Stream) return ring_.used() > 0;
  return __atomic_load_n(&record_count_, __ATOMIC_ACQUIRE) > 0;
}

bool UnixChannel::is_writable(uint32_t limit) const {
  if (ring_.used() * 4 > ring_.capacity()) return false;
  return mode_ == Mode::Stream || fits(0, limit);
}

size_t UnixChannel::next_size() {
  if (mode_ == Mode::Stream) return ring_.used();
  MutexGuard guard(mutex_);
  UnixRecord* record = records_.front();
  return record ? record->length : 0;
}

void UnixChannel::wake_reader(uint32_t extra) { reader_->queue.wake_all(kSocketReadable | extra); }

/// Mutex held.
void UnixChannel::wake_writers(uint32_t extra) {
  space_queue_.wake_all();
  for (RefPtr<SharedWaitQueue>& writer : writers_) writer->queue.wake_all(kSocketWritable | extra);
}

// Endings

void UnixChannel::shut() {
  // Under the mutex: once this returns, nothing more enters.
  MutexGuard guard(mutex_);
  __atomic_store_n(&is_shut_, true, __ATOMIC_RELEASE);
  wake_reader(kPollHangUp | kPollReadHangUp);
  wake_writers(kPollHangUp);
}

bool UnixChannel::abandon() {
  __atomic_store_n(&is_abandoned_, true, __ATOMIC_RELEASE);
  shut();
  List<UnixRecord, &UnixRecord::node> dropped;
  bool had_content = false;
  {
    MutexGuard guard(mutex_);
    had_content = is_readable();
    received_ += ring_.used();
    ring_.discard(ring_.used());
    while (UnixRecord* record = records_.pop_front()) dropped.push_back(record);
    __atomic_store_n(&record_count_, 0, __ATOMIC_RELEASE);
  }
  // Outside: closing a file that was under way may lead back to this channel.
  while (UnixRecord* record = dropped.pop_front()) delete record;
  return had_content;
}

void UnixChannel::set_error(Errno error) {
  __atomic_store_n(&error_, static_cast<int>(error), __ATOMIC_RELEASE);
  wake_reader(kPollError);
}

void UnixChannel::set_capacity(size_t capacity) {
  MutexGuard guard(mutex_);
  Result<void> resized = ring_.set_capacity(align_up(capacity, kPageSize));
  if (!resized.is_error()) wake_writers();
}

}  // namespace runtime
