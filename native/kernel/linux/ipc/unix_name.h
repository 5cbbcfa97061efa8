// Names of AF_UNIX sockets: paths, abstract names, and what they lead to. unix(7).
#pragma once

#include "lib/list.h"
#include "linux/ipc/socket_message.h"
#include "sync/spinlock.h"

namespace runtime {

/// A bound address. A path name is kept by its inode, which outlives the socket; an abstract one
/// by the table of abstract names, until the socket goes.
class UnixName : public RefCounted {
 public:
  /// Binds `type` of socket to `address`, or to a fresh abstract name when it holds the family
  /// only. Errors: AddressInUse, Invalid, NoMemory, and those of creating a file.
  static Result<RefPtr<UnixName>> create(const SocketAddress& address, int type);
  /// The socket's name at `address`. Errors: ConnectionRefused when no socket is bound there,
  /// ProtocolType when the file is a socket of another type, Invalid, and those of finding a file.
  static Result<RefPtr<UnixName>> find(const SocketAddress& address, int type);

  const SocketAddress& address() const { return address_; }
  /// What is reached there now: a UnixListener, for datagrams a UnixChannel, or nothing.
  RefPtr<RefCounted> target();
  void set_target(RefPtr<RefCounted> target);
  /// The socket goes: nothing is reached through the name any more.
  void retire();

 private:
  friend struct AbstractNames;
  bool is_retired();
  UnixName(const SocketAddress& address, int type)
      : address_(address), type_(type), lock_(LockRank::Pipe) {}

  const SocketAddress address_;
  const int type_;
  SpinLock lock_;
  RefPtr<RefCounted> target_;
  bool is_retired_ = false;
  ListNode node_;  // in the table of abstract names, under its lock
};

}  // namespace runtime
