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

/// Ancillary data: descriptions on their way to another socket, unix(7); other families read the
/// messages of their levels themselves.
struct ControlData {
  Vector<RefPtr<File>> files;
  UserPtr<void> source;  // where `load` read from, for ControlReader
  uint64_t source_size = 0;

  bool is_empty() const { return files.is_empty(); }
  /// Copies the references, for a peek. Errors: NoMemory.
  Result<void> copy_from(const ControlData& other);

  /// Reads the control messages of sendmsg(2). Errors: Invalid (malformed, more than 253 files),
  /// BadFile, Perm (credentials that are not the sender's), Fault, NoMemory.
  Result<void> load(UserPtr<void> source, uint64_t size);
};

/// One control message of sendmsg(2), cmsg(3), copied in.
struct ControlMessage {
  int level;
  int type;
  uint32_t size;     // of the payload; of a longer one only the beginning is in `data`
  uint8_t data[32];  // zeroes behind a shorter one
};

/// Walks through the control messages that the application passed.
class ControlReader {
 public:
  explicit ControlReader(const ControlData& control)
      : address_(control.source.address()), size_(control.source_size) {}
  /// false at the end. Errors: Invalid (malformed), Fault.
  Result<bool> next(ControlMessage* message);

 private:
  uint64_t address_;
  uint64_t size_;
  uint64_t offset_ = 0;
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
  /// Any other message; cut when there is too little room, as on Linux.
  Result<void> put_message(const ControlMessage& message);
  uint64_t used() const { return used_; }
  /// MSG_CTRUNC: something did not fit.
  bool is_truncated() const { return is_truncated_; }

 private:
  Result<void> put_header(uint64_t payload_size, int level, int type);

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
  ControlMessage messages[8];  // what else comes beside the data
  size_t message_count = 0;

  IncomingMessage(IoBuffer& buffer, int message_flags) : data(buffer), flags(message_flags) {}
  /// Adds a control message of at most 32 bytes.
  void add_control(int level, int type, const void* bytes, uint32_t size);
};

}  // namespace runtime
