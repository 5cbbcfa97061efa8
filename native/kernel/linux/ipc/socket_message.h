// What travels through sockets: addresses, bytes, and file descriptors beside them.
#pragma once

#include "lib/string.h"
#include "lib/vector.h"
#include "linux/file.h"

namespace runtime {

// Flags of send(2) and recv(2).
constexpr int kMessageOutOfBand = 0x1;
constexpr int kMessagePeek = 0x2;
constexpr int kMessageControlTruncated = 0x8;
constexpr int kMessageTruncated = 0x20;
constexpr int kMessageDontWait = 0x40;
constexpr int kMessageEndOfRecord = 0x80;
constexpr int kMessageWaitAll = 0x100;
constexpr int kMessageNoSignal = 0x4000;
constexpr int kMessageWaitForOne = 0x10000;
constexpr int kMessageCloseOnExec = 0x40000000;

/// struct sockaddr_storage with the size in use.
struct SocketAddress {
  uint32_t size = 0;
  alignas(8) uint8_t bytes[128] = {};

  /// AF_*; 0 when the address is too short to have one.
  uint16_t family() const {
    uint16_t family = 0;
    if (size >= sizeof(family)) memcpy(&family, bytes, sizeof(family));
    return family;
  }
  /// Copies an address in. Errors: Invalid when it is longer than any, Fault.
  Result<void> load(UserPtr<void> source, uint32_t length);
  /// Copies as much out as `capacity` holds. Errors: Fault.
  Result<void> store(UserPtr<void> target, uint32_t capacity) const;
};

/// struct ucred of SCM_CREDENTIALS and SO_PEERCRED.
struct PeerCredentials {
  int32_t process;
  uint32_t user;
  uint32_t group;
};
/// The one process of this kernel.
PeerCredentials own_credentials();

/// Ancillary data, unix(7): descriptions on their way to another socket.
struct ControlData {
  Vector<RefPtr<File>> files;

  bool is_empty() const { return files.is_empty(); }
  /// Copies the references, for a peek. Errors: NoMemory.
  Result<void> copy_from(const ControlData& other);

  /// Reads the control messages of sendmsg(2). Errors: Invalid (malformed, more than 253 files),
  /// BadFile, Perm (credentials that are not the sender's), Fault, NoMemory.
  Result<void> load(UserPtr<void> source, uint64_t size);
};

/// Writes control messages into the application's buffer for recvmsg(2).
class ControlWriter {
 public:
  ControlWriter(UserPtr<void> target, uint64_t capacity)
      : address_(target.address()), capacity_(capacity) {}

  /// SCM_RIGHTS: installs the files' new descriptors, as many as there is room for.
  Result<void> put_files(ControlData& control, bool close_on_exec);
  /// SCM_CREDENTIALS.
  Result<void> put_credentials(const PeerCredentials& credentials);
  uint64_t used() const { return used_; }
  /// MSG_CTRUNC: something did not fit.
  bool is_truncated() const { return is_truncated_; }

 private:
  Result<void> put_header(uint64_t payload_size, int type);

  uint64_t address_;
  uint64_t capacity_;
  uint64_t used_ = 0;
  bool is_truncated_ = false;
};

/// A message to send.
struct OutgoingMessage {
  IoBuffer& data;
  int flags;
  const SocketAddress* address;  // null: to the connected peer
  ControlData control;

  OutgoingMessage(IoBuffer& buffer, int message_flags)
      : data(buffer), flags(message_flags), address(nullptr) {}
};

/// A message being received; the socket fills in the rest.
struct IncomingMessage {
  IoBuffer& data;
  int flags;
  int result_flags = 0;   // MSG_TRUNC, MSG_EOR
  SocketAddress address;  // the sender's; size 0 when it has none
  ControlData control;
  bool has_credentials = false;

  IncomingMessage(IoBuffer& buffer, int message_flags) : data(buffer), flags(message_flags) {}
};

}  // namespace runtime
