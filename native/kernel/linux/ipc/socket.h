// Sockets, independent of the address family: socket(7).
#pragma once

#include "linux/ipc/pollable_file.h"
#include "linux/ipc/socket_message.h"

namespace runtime {

constexpr int kSocketStream = 1;
constexpr int kSocketDatagram = 2;
constexpr int kSocketRaw = 3;
constexpr int kSocketSequencedPacket = 5;

constexpr int kFamilyUnspecified = 0;
constexpr int kFamilyUnix = 1;

constexpr int kShutRead = 0;
constexpr int kShutWrite = 1;
constexpr int kShutBoth = 2;

constexpr uint32_t kDefaultSocketBuffer = 212992;  // net.core.wmem_default
constexpr uint32_t kMinimumSocketBuffer = 4608;
constexpr uint32_t kMaximumSocketBuffer = 425984;  // twice net.core.wmem_max

/// A socket of any family. Families derive from it; the defaults answer as Linux does for an
/// operation that a kind of socket lacks.
class Socket : public PollableFile {
 public:
  Socket(int family, int type, int protocol, int status_flags)
      : PollableFile(kOpenReadWrite | (status_flags & kOpenNonBlocking)),
        family_(family),
        type_(type),
        protocol_(protocol),
        inode_number_(next_anonymous_inode()) {}

  int family() const { return family_; }
  int type() const { return type_; }
  int protocol() const { return protocol_; }

  virtual Result<void> bind(const SocketAddress& address) = 0;
  /// Waits for the connection unless non-blocking.
  virtual Result<void> connect(const SocketAddress& address) = 0;
  virtual Result<void> listen(uint32_t backlog) {
    (void)backlog;
    return Errno::NotSupported;
  }
  /// The next connection; it starts with `status_flags` and gives its peer's name to `peer`.
  virtual Result<RefPtr<Socket>> accept(int status_flags, SocketAddress* peer) {
    (void)status_flags;
    (void)peer;
    return Errno::NotSupported;
  }
  /// Returns how many bytes were sent. SIGPIPE is the caller's to raise on BrokenPipe.
  virtual Result<size_t> send(OutgoingMessage& message) = 0;
  /// Returns how many bytes were received, 0 at the end.
  virtual Result<size_t> receive(IncomingMessage& message) = 0;
  virtual Result<void> shutdown(int how) = 0;
  virtual Result<void> local_address(SocketAddress* address) = 0;
  virtual Result<void> peer_address(SocketAddress* address) = 0;
  virtual bool is_listening() { return false; }
  /// Takes the pending error for SO_ERROR; 0 when there is none.
  virtual int take_error() { return 0; }
  /// Bytes that FIONREAD reports: readable now; and SIOCOUTQ: sent but not yet received.
  virtual size_t readable_bytes() { return 0; }
  virtual size_t unreceived_bytes() { return 0; }
  /// SO_PEERCRED. Without a peer: process 0 and ids -1.
  virtual PeerCredentials peer_credentials() { return PeerCredentials{0, ~0u, ~0u}; }
  /// Options of levels other than SOL_SOCKET.
  virtual Result<void> set_family_option(int level, int option, UserPtr<void> value, uint32_t size);
  virtual Result<void> get_family_option(int level, int option, UserPtr<void> value,
                                         UserPtr<uint32_t> size);

  /// setsockopt(2), getsockopt(2).
  virtual Result<void> set_option(int level, int option, UserPtr<void> value, uint32_t size);
  virtual Result<void> get_option(int level, int option, UserPtr<void> value,
                                  UserPtr<uint32_t> size);

  Result<size_t> read(IoBuffer& buffer) override;
  Result<size_t> write(IoBuffer& buffer) override;
  Result<uint64_t> ioctl(uint32_t request, uint64_t argument) override;
  Result<void> stat(Stat* result) override;
  size_t describe(char* buffer, size_t capacity) override;
  Kind kind() const override { return Kind::Socket; }

 protected:
  /// How long one call may wait, and what it returns when a signal interrupts it.
  struct Patience {
    bool non_blocking;
    Deadline deadline;

    /// A call with a time limit is not restarted, signal(7).
    Errno interrupted() const { return deadline.is_never() ? Errno::Restart : Errno::Interrupted; }
  };
  Patience receive_patience(int message_flags) const;
  Patience send_patience(int message_flags) const;

  /// SO_SNDBUF changed to `size` bytes.
  virtual void send_buffer_changed(uint32_t size) { (void)size; }
  /// SO_RCVBUF likewise.
  virtual void receive_buffer_changed(uint32_t size) { (void)size; }
  /// What SO_SNDBUF and SO_RCVBUF tell before they are set.
  void set_default_buffers(uint32_t send, uint32_t receive) {
    send_buffer_ = send;
    receive_buffer_ = receive;
  }
  /// Takes over the options of level SOL_SOCKET from the listener that made this socket.
  void inherit_options(const Socket& listener);
  /// SO_LINGER in seconds; -1 when it is off.
  int linger_seconds() const { return linger_[0] ? linger_[1] : -1; }
  /// Copies an option's value out, at most as many bytes as the application has room for, and says
  /// how many. Errors: Invalid, Fault.
  static Result<void> put_value(UserPtr<void> target, UserPtr<uint32_t> size, const void* value,
                                uint32_t value_size);
  bool passes_credentials() const { return passes_credentials_ != 0; }
  uint32_t send_buffer() const { return send_buffer_; }
  uint32_t receive_buffer() const { return receive_buffer_; }
  size_t receive_low_mark() const { return static_cast<size_t>(receive_low_mark_); }

 private:
  Patience patience(int message_flags, uint64_t timeout) const;

  const int family_;
  const int type_;
  const int protocol_;
  const uint64_t inode_number_;

  // Options; plain words that calls read once.
  uint64_t receive_timeout_ = 0;  // nanoseconds, 0: none
  uint64_t send_timeout_ = 0;
  uint32_t send_buffer_ = kDefaultSocketBuffer;
  uint32_t receive_buffer_ = kDefaultSocketBuffer;
  int receive_low_mark_ = 1;
  int passes_credentials_ = 0;
  uint32_t stored_flags_ = 0;  // options that only have to be remembered, by their number
  int linger_[2] = {0, 0};     // struct linger
};

/// The socket behind `descriptor`. Errors: BadFile, NotSocket.
Result<RefPtr<Socket>> get_socket(int descriptor);

/// What a family offers; socket_family.cpp lists them.
struct SocketFamily {
  int family;
  /// Errors: SocketTypeNotSupported, ProtocolNotSupported, NoMemory.
  Result<RefPtr<Socket>> (*create)(int type, int protocol, int status_flags);
  /// Two connected sockets; null when the family has no pairs.
  Result<void> (*create_pair)(int type, int protocol, int status_flags, RefPtr<Socket> (&pair)[2]);
};
/// Errors: AddressFamilyNotSupported.
Result<const SocketFamily*> find_socket_family(int family);
/// Adds a family, at start-up. `family` stays where it is for ever.
void add_socket_family(const SocketFamily* family);

}  // namespace runtime
