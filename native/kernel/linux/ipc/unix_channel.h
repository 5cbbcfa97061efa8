// One direction of an AF_UNIX connection, or the mailbox of a datagram socket.
#pragma once

#include "lib/list.h"
#include "lib/ring.h"
#include "linux/ipc/socket.h"
#include "sync/mutex.h"

namespace runtime {

class UnixName;

// How many packets may wait. Linux charges some 768 bytes of SO_SNDBUF for each small one, and
// lets max_dgram_qlen + 1 wait for a reader that is not connected back to the sender.
constexpr uint32_t kConnectedPackets = 278;
constexpr uint32_t kMailboxPackets = 11;

constexpr uint32_t kSocketReadable = kPollIn | kPollReadNormal;
constexpr uint32_t kSocketWritable = kPollOut | kPollWriteNormal | 0x200;  // POLLWRBAND

/// The wait queue of a socket; shared, because the other side wakes it.
class SharedWaitQueue : public RefCounted {
 public:
  WaitQueue queue;
};

/// Bytes that belong together: a packet, or the part of a byte stream that files travel with.
struct UnixRecord {
  uint64_t start = 0;  // position in all bytes ever sent
  uint64_t length = 0;
  ControlData control;
  RefPtr<UnixName> sender;
  ListNode node;

  uint64_t end() const { return start + length; }
};

/// Bytes and files on their way, with flow control. Kept by both sides.
///
/// Shut means that no more comes through: the writer shut its sending side, the reader its
/// receiving side, or one of them went. Nothing enters after that; a reader still gets what is in.
class UnixChannel : public RefCounted {
 public:
  enum class Mode { Stream, Packets };

  /// `reader` is woken when something arrives. Errors: NoMemory.
  static Result<RefPtr<UnixChannel>> create(Mode mode, size_t capacity,
                                            RefPtr<SharedWaitQueue> reader);
  /// Wakes the queue of a socket that sends here when there is space again. Errors: NoMemory.
  Result<void> add_writer(RefPtr<SharedWaitQueue> writer);
  void remove_writer(SharedWaitQueue* writer);

  /// How long a call waits for bytes or space.
  struct Wait {
    bool non_blocking;
    Deadline deadline;
    Errno interrupted;  // what to return when a signal interrupts it
  };
  /// Sends all bytes, or with `wait.non_blocking` what fits, at least one. Errors: BrokenPipe,
  /// Again, NoMemory, Fault.
  Result<size_t> send_bytes(OutgoingMessage& message, const Wait& wait);
  /// Sends one packet, whole, when fewer than `limit` wait. `sender` names the socket for
  /// recvfrom(2). Errors: MessageSize, BrokenPipe, Again, NoMemory, Fault.
  Result<size_t> send_packet(OutgoingMessage& message, const RefPtr<UnixName>& sender,
                             uint32_t limit, const Wait& wait);
  /// Receives at least `minimum` bytes unless the channel is shut or files came along. Errors:
  /// Again, Fault, NoMemory, and the pending error.
  Result<size_t> receive_bytes(IncomingMessage& message, size_t minimum, const Wait& wait);
  /// Receives one packet; what does not fit is lost (MSG_TRUNC). Errors: as receive_bytes.
  Result<size_t> receive_packet(IncomingMessage& message, const Wait& wait);

  bool is_readable() const;
  /// Linux's measure: at most a quarter of the space is in use; and fewer than `limit` packets.
  bool is_writable(uint32_t limit = kConnectedPackets) const;
  /// The mailbox that a datagram socket sends to is remembered in its own mailbox, for comparison.
  void set_reader_target(const UnixChannel* target) {
    __atomic_store_n(&reader_target_, target, __ATOMIC_RELEASE);
  }
  const UnixChannel* reader_target() const {
    return __atomic_load_n(&reader_target_, __ATOMIC_ACQUIRE);
  }
  bool is_shut() const { return __atomic_load_n(&is_shut_, __ATOMIC_ACQUIRE); }
  size_t used() const { return ring_.used(); }
  /// Bytes of the next packet, for FIONREAD.
  size_t next_size();
  void shut();
  /// The reader goes: shuts the channel and drops its content, files too. Returns whether there
  /// was any.
  bool abandon();
  bool is_abandoned() const { return __atomic_load_n(&is_abandoned_, __ATOMIC_ACQUIRE); }
  /// Gives the reader an error, once it has read what is there.
  void set_error(Errno error);
  /// Takes the error; 0 when there is none.
  int take_error() { return __atomic_exchange_n(&error_, 0, __ATOMIC_ACQ_REL); }
  bool has_error() const { return __atomic_load_n(&error_, __ATOMIC_ACQUIRE) != 0; }
  /// Changes the capacity when the content fits; otherwise it stays.
  void set_capacity(size_t capacity);

 protected:
  ~UnixChannel() override;

 private:
  UnixChannel(Mode mode, RefPtr<SharedWaitQueue> reader) : mode_(mode), reader_(move(reader)) {}
  Result<void> append(OutgoingMessage& message, size_t size, UnixRecord* record);
  Result<bool> take_bytes(IncomingMessage& message, size_t* received);
  bool fits(size_t size, uint32_t limit) const;
  void wake_reader(uint32_t extra = 0);
  void wake_writers(uint32_t extra = 0);
  Result<void> wait_for_content(const Wait& wait);
  template <typename Condition>
  Result<void> wait_for_space(const Wait& wait, Condition condition);

  const Mode mode_;
  const RefPtr<SharedWaitQueue> reader_;
  WaitQueue space_queue_;                // threads in send
  Mutex mutex_{MutexRank::UnixChannel};  // all below, unless atomic; held while bytes are copied
  Ring ring_;
  Vector<RefPtr<SharedWaitQueue>> writers_;
  List<UnixRecord, &UnixRecord::node> records_;
  uint32_t record_count_ = 0;  // atomic reads
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  bool is_shut_ = false;                        // atomic
  bool is_abandoned_ = false;                   // atomic
  int error_ = 0;                               // atomic
  const UnixChannel* reader_target_ = nullptr;  // atomic
};

}  // namespace runtime
