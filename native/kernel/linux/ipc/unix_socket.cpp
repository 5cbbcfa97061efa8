#include "linux/ipc/unix_socket.h"

namespace runtime {

namespace {

/// An address that says the family and no name.
SocketAddress unnamed_address() {
  SocketAddress address;
  const uint16_t family = kFamilyUnix;
  memcpy(address.bytes, &family, sizeof(family));
  address.size = sizeof(family);
  return address;
}

Result<void> check_protocol(int protocol) {
  if (protocol != 0 && protocol != kFamilyUnix) return Errno::ProtocolNotSupported;
  return {};
}

}  // namespace

UnixSocket::~UnixSocket() {
  if (name_ && owns_name_) name_->retire();
}

Result<void> UnixSocket::bind(const SocketAddress& address) {
  MutexGuard guard(state_mutex_);
  if (name_) return Errno::Invalid;
  Result<RefPtr<UnixName>> name = UnixName::create(address, type());
  if (name.is_error()) return name.error();
  name.value()->set_target(bound_target());
  name_ = name.take();
  owns_name_ = true;
  return {};
}

Result<void> UnixSocket::local_address(SocketAddress* address) {
  MutexGuard guard(state_mutex_);
  *address = name_ ? name_->address() : unnamed_address();
  return {};
}

Result<void> UnixSocket::peer_address(SocketAddress* address) {
  if (!is_connected()) return Errno::NotConnected;
  MutexGuard guard(state_mutex_);
  *address = peer_name_ ? peer_name_->address() : unnamed_address();
  return {};
}

Result<RefPtr<Socket>> create_unix_socket(int type, int protocol, int status_flags) {
  Result<void> checked = check_protocol(protocol);
  if (checked.is_error()) return checked.error();
  switch (type) {
    case kSocketStream:
    case kSocketSequencedPacket: {
      Result<RefPtr<UnixStreamSocket>> socket = UnixStreamSocket::create(type, status_flags);
      if (socket.is_error()) return socket.error();
      return RefPtr<Socket>(socket.value());
    }
    case kSocketDatagram:
    case kSocketRaw: {  // believed to be the same, as on Linux
      Result<RefPtr<UnixDatagramSocket>> socket = UnixDatagramSocket::create(status_flags);
      if (socket.is_error()) return socket.error();
      return RefPtr<Socket>(socket.value());
    }
    default:
      return Errno::SocketTypeNotSupported;
  }
}

Result<void> create_unix_pair(int type, int protocol, int status_flags, RefPtr<Socket> (&pair)[2]) {
  for (RefPtr<Socket>& socket : pair) {
    Result<RefPtr<Socket>> created = create_unix_socket(type, protocol, status_flags);
    if (created.is_error()) return created.error();
    socket = created.take();
  }
  if (pair[0]->type() == kSocketDatagram) {
    return UnixDatagramSocket::join(static_cast<UnixDatagramSocket&>(*pair[0]),
                                    static_cast<UnixDatagramSocket&>(*pair[1]));
  }
  return UnixStreamSocket::join(static_cast<UnixStreamSocket&>(*pair[0]),
                                static_cast<UnixStreamSocket&>(*pair[1]));
}

}  // namespace runtime
