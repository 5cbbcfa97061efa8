// Making and naming sockets: socket(2), bind(2), connect(2), accept(2), getsockopt(2) ...
#include "linux/ipc/install.h"
#include "linux/ipc/socket.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

constexpr int kTypeMask = 0xf;
constexpr int kTypeLimit = 11;                                   // SOCK_MAX
constexpr int kTypeFlags = kOpenNonBlocking | kOpenCloseOnExec;  // SOCK_NONBLOCK, SOCK_CLOEXEC

/// What socket(2) and socketpair(2) check alike. Errors: Invalid, AddressFamilyNotSupported.
Result<const SocketFamily*> check_family_and_type(int family, int type) {
  if (type & ~(kTypeMask | kTypeFlags)) return Errno::Invalid;
  if ((type & kTypeMask) >= kTypeLimit) return Errno::Invalid;
  return find_socket_family(family);
}

Result<uint64_t> done(const Result<void>& result) {
  if (result.is_error()) return result.error();
  return uint64_t{0};
}

/// Writes an address of accept(2) and the like: as much as fits, and its full size.
Result<void> put_address(const SocketAddress& address, UserPtr<void> target,
                         UserPtr<uint32_t> size) {
  Result<uint32_t> capacity = size.read();
  if (capacity.is_error()) return capacity.error();
  if (static_cast<int32_t>(capacity.value()) < 0) return Errno::Invalid;
  Result<void> copied = address.store(target, capacity.value());
  if (copied.is_error()) return copied;
  return size.write(address.size);
}

using AddressGetter = Result<void> (Socket::*)(SocketAddress*);

Result<uint64_t> get_address(int descriptor, UserPtr<void> target, UserPtr<uint32_t> size,
                             AddressGetter getter) {
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  SocketAddress address;
  Result<void> found = (socket.value().get()->*getter)(&address);
  if (found.is_error()) return found.error();
  return done(put_address(address, target, size));
}

}  // namespace

Result<uint64_t> sys_socket(int family, int type, int protocol) {
  Result<const SocketFamily*> known = check_family_and_type(family, type);
  if (known.is_error()) return known.error();
  Result<RefPtr<Socket>> socket = known.value()->create(type & kTypeMask, protocol, type);
  if (socket.is_error()) return socket.error();
  return install_file(socket.value(), (type & kOpenCloseOnExec) != 0);
}

Result<uint64_t> sys_socketpair(int family, int type, int protocol, UserPtr<int> descriptors) {
  Result<const SocketFamily*> known = check_family_and_type(family, type);
  if (known.is_error()) return known.error();
  if (!known.value()->create_pair) return Errno::NotSupported;
  RefPtr<Socket> pair[2];
  Result<void> created = known.value()->create_pair(type & kTypeMask, protocol, type, pair);
  if (created.is_error()) return created.error();
  return install_pair(pair[0], pair[1], (type & kOpenCloseOnExec) != 0, descriptors);
}

Result<uint64_t> sys_bind(int descriptor, UserPtr<void> address, uint32_t size) {
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  SocketAddress name;
  Result<void> loaded = name.load(address, size);
  if (loaded.is_error()) return loaded.error();
  return done(socket.value()->bind(name));
}

Result<uint64_t> sys_connect(int descriptor, UserPtr<void> address, uint32_t size) {
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  SocketAddress name;
  Result<void> loaded = name.load(address, size);
  if (loaded.is_error()) return loaded.error();
  return done(socket.value()->connect(name));
}

Result<uint64_t> sys_listen(int descriptor, int backlog) {
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  return done(socket.value()->listen(static_cast<uint32_t>(backlog)));
}

Result<uint64_t> sys_accept4(int descriptor, UserPtr<void> address, UserPtr<uint32_t> size,
                             int flags) {
  if (flags & ~kTypeFlags) return Errno::Invalid;
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  SocketAddress peer;
  Result<RefPtr<Socket>> connection = socket.value()->accept(flags, &peer);
  if (connection.is_error()) return connection.error();
  if (address) {
    Result<void> copied = put_address(peer, address, size);
    if (copied.is_error()) return copied.error();
  }
  return install_file(connection.value(), (flags & kOpenCloseOnExec) != 0);
}

Result<uint64_t> sys_accept(int descriptor, UserPtr<void> address, UserPtr<uint32_t> size) {
  return sys_accept4(descriptor, address, size, 0);
}

Result<uint64_t> sys_shutdown(int descriptor, int how) {
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  return done(socket.value()->shutdown(how));
}

Result<uint64_t> sys_getsockname(int descriptor, UserPtr<void> address, UserPtr<uint32_t> size) {
  return get_address(descriptor, address, size, &Socket::local_address);
}

Result<uint64_t> sys_getpeername(int descriptor, UserPtr<void> address, UserPtr<uint32_t> size) {
  return get_address(descriptor, address, size, &Socket::peer_address);
}

Result<uint64_t> sys_setsockopt(int descriptor, int level, int option, UserPtr<void> value,
                                uint32_t size) {
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  return done(socket.value()->set_option(level, option, value, size));
}

Result<uint64_t> sys_getsockopt(int descriptor, int level, int option, UserPtr<void> value,
                                UserPtr<uint32_t> size) {
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  return done(socket.value()->get_option(level, option, value, size));
}

}  // namespace runtime
