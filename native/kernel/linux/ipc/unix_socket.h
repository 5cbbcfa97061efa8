// AF_UNIX sockets: unix(7).
//
// A descriptor that is under way inside a socket which is itself only under way keeps both alive
// for ever: there is no collector for such cycles.
#pragma once

#include "linux/ipc/socket.h"
#include "linux/ipc/unix_channel.h"
#include "linux/ipc/unix_name.h"

namespace runtime {

/// SocketFamily::create and create_pair of AF_UNIX.
Result<RefPtr<Socket>> create_unix_socket(int type, int protocol, int status_flags);
Result<void> create_unix_pair(int type, int protocol, int status_flags, RefPtr<Socket> (&pair)[2]);

/// What all types share: the wait queue and the name.
class UnixSocket : public Socket {
 public:
  UnixSocket(int type, int status_flags, RefPtr<SharedWaitQueue> queue)
      : Socket(kFamilyUnix, type, 0, status_flags), queue_(move(queue)) {}

  Result<void> bind(const SocketAddress& address) override;
  Result<void> local_address(SocketAddress* address) override;
  Result<void> peer_address(SocketAddress* address) override;
  WaitQueue* poll_queue() override { return &queue_->queue; }

 protected:
  ~UnixSocket() override;
  /// What the name of a socket that is being bound leads to at once.
  virtual RefPtr<RefCounted> bound_target() { return nullptr; }
  virtual bool is_connected() = 0;
  static UnixChannel::Wait wait_of(const Patience& patience) {
    return UnixChannel::Wait{patience.non_blocking, patience.deadline, patience.interrupted()};
  }

  const RefPtr<SharedWaitQueue> queue_;
  Mutex state_mutex_{MutexRank::UnixState};  // changes of state: binding, connecting, listening
  RefPtr<UnixName> name_;
  RefPtr<UnixName> peer_name_;
  bool owns_name_ = false;  // accepted sockets borrow their listener's
};

class UnixListener;

/// SOCK_STREAM and SOCK_SEQPACKET.
class UnixStreamSocket : public UnixSocket {
 public:
  static Result<RefPtr<UnixStreamSocket>> create(int type, int status_flags);
  /// Connects two fresh sockets with each other. Errors: NoMemory.
  static Result<void> join(UnixStreamSocket& first, UnixStreamSocket& second);

  Result<void> connect(const SocketAddress& address) override;
  Result<void> listen(uint32_t backlog) override;
  Result<RefPtr<Socket>> accept(int status_flags, SocketAddress* peer) override;
  Result<size_t> send(OutgoingMessage& message) override;
  Result<size_t> receive(IncomingMessage& message) override;
  Result<void> shutdown(int how) override;
  bool is_listening() override { return state() == State::Listening; }
  int take_error() override { return is_connected() ? incoming_->take_error() : 0; }
  size_t readable_bytes() override { return is_connected() ? incoming_->used() : 0; }
  size_t unreceived_bytes() override { return is_connected() ? outgoing_->used() : 0; }
  PeerCredentials peer_credentials() override;
  uint32_t poll_events() override;

 protected:
  ~UnixStreamSocket() override;
  bool is_connected() override { return state() == State::Connected; }
  void send_buffer_changed(uint32_t size) override;

 private:
  friend class UnixListener;
  enum class State : uint8_t { Fresh, Listening, Connected };

  UnixStreamSocket(int type, int status_flags, RefPtr<SharedWaitQueue> queue)
      : UnixSocket(type, status_flags, move(queue)) {}
  State state() const { return __atomic_load_n(&state_, __ATOMIC_ACQUIRE); }
  void become(State state);
  void apply_shutdown(int how);
  Result<void> try_connect(const RefPtr<UnixName>& name, UnixListener& listener);
  void separate();

  State state_ = State::Fresh;    // atomic; what it implies is set before
  RefPtr<UnixChannel> incoming_;  // when connected
  RefPtr<UnixChannel> outgoing_;
  RefPtr<UnixListener> listener_;        // when listening
  bool shut_early_[2] = {false, false};  // reading, writing: shut before it was connected
  bool is_embryo_ = false;               // not accepted yet
  ListNode pending_node_;                // in UnixListener::pending_
};

/// Connections that wait to be accepted.
class UnixListener : public RefCounted {
 public:
  UnixListener(RefPtr<SharedWaitQueue> queue, uint32_t backlog)
      : queue_(move(queue)), lock_(LockRank::Pipe), backlog_(backlog) {}

  /// Errors: Again when the backlog is full, ConnectionRefused after `close`.
  Result<void> enqueue(const RefPtr<UnixStreamSocket>& connection);
  /// The oldest connection; null when there is none.
  RefPtr<UnixStreamSocket> dequeue();
  bool has_pending();
  bool is_closed() const { return __atomic_load_n(&is_closed_, __ATOMIC_ACQUIRE); }
  void set_backlog(uint32_t backlog);
  /// Refuses connections from now on, also those that wait for room.
  void close();
  /// Resets the connections that were not accepted.
  void reset_pending();
  /// Where connects wait for room.
  WaitQueue& room_queue() { return room_; }
  bool has_room();

 private:
  const RefPtr<SharedWaitQueue> queue_;
  WaitQueue room_;
  SpinLock lock_;
  List<UnixStreamSocket, &UnixStreamSocket::pending_node_> pending_;  // each with a reference
  uint32_t count_ = 0;
  uint32_t backlog_;
  bool is_closed_ = false;  // atomic
};

/// SOCK_DGRAM.
class UnixDatagramSocket : public UnixSocket {
 public:
  static Result<RefPtr<UnixDatagramSocket>> create(int status_flags);
  static Result<void> join(UnixDatagramSocket& first, UnixDatagramSocket& second);

  Result<void> connect(const SocketAddress& address) override;
  Result<size_t> send(OutgoingMessage& message) override;
  Result<size_t> receive(IncomingMessage& message) override;
  Result<void> shutdown(int how) override;
  size_t readable_bytes() override { return mailbox_->next_size(); }
  PeerCredentials peer_credentials() override;
  uint32_t poll_events() override;

 protected:
  ~UnixDatagramSocket() override;
  RefPtr<RefCounted> bound_target() override { return mailbox_; }
  bool is_connected() override;

 private:
  UnixDatagramSocket(int status_flags, RefPtr<SharedWaitQueue> queue, RefPtr<UnixChannel> mailbox)
      : UnixSocket(kSocketDatagram, status_flags, move(queue)), mailbox_(move(mailbox)) {}
  RefPtr<UnixChannel> peer();
  uint32_t packet_limit(const UnixChannel& target) const;
  Result<void> set_peer(RefPtr<UnixChannel> peer, RefPtr<UnixName> name);

  const RefPtr<UnixChannel> mailbox_;
  SpinLock peer_lock_{LockRank::Pipe};
  RefPtr<UnixChannel> peer_;
  bool is_send_shut_ = false;
};

}  // namespace runtime
