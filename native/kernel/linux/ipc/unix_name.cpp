#include "linux/ipc/unix_name.h"

#include "lib/format.h"
#include "linux/fs/socket_inode.h"
#include "linux/ipc/socket.h"

namespace runtime {

/// All abstract names, in the order of binding. Few programs have more than a handful. Each type
/// of socket has names of its own, as on Linux.
struct AbstractNames {
  List<UnixName, &UnixName::node_> names;
  uint32_t next_automatic = 0;

  RefPtr<UnixName> find(const SocketAddress& address, int type) {
    for (UnixName* name = names.front(); name; name = names.next(name)) {
      const SocketAddress& known = name->address();
      if (name->type_ == type && known.size == address.size &&
          memcmp(known.bytes, address.bytes, known.size) == 0) {
        return RefPtr<UnixName>(name);
      }
    }
    return nullptr;
  }
  static void remove(UnixName* name) { name->node_.unlink(); }
};

namespace {

constexpr uint32_t kFamilySize = sizeof(uint16_t);
constexpr uint32_t kMaximumSize = 110;  // struct sockaddr_un
constexpr uint32_t kSocketPermissions = 0777;
constexpr uint32_t kAutomaticNames = 1u << 20;  // five hexadecimal digits

Locked<AbstractNames> g_abstract(LockRank::Pipe);

bool is_abstract(const SocketAddress& address) {
  return address.size > kFamilySize && address.bytes[kFamilySize] == 0;
}

/// The path, which ends at its first NUL or at the end of the address.
StringView path_of(const SocketAddress& address) {
  const StringView text(reinterpret_cast<const char*>(address.bytes) + kFamilySize,
                        address.size - kFamilySize);
  return text.first(text.find('\0'));
}

Result<void> check(const SocketAddress& address) {
  if (address.size < kFamilySize || address.size > kMaximumSize) return Errno::Invalid;
  if (address.family() != kFamilyUnix) return Errno::Invalid;
  return {};
}

/// With the path's NUL counted in, as getsockname(2) returns it.
SocketAddress normalised(const SocketAddress& address) {
  SocketAddress result = address;
  if (address.size > kFamilySize && !is_abstract(address)) {
    const uint32_t end = kFamilySize + static_cast<uint32_t>(path_of(address).size);
    result.bytes[end] = 0;
    result.size = end + 1;
  }
  return result;
}

/// autobind: an abstract name of five hexadecimal digits.
SocketAddress automatic_address(uint32_t number) {
  SocketAddress address;
  const uint16_t family = kFamilyUnix;
  memcpy(address.bytes, &family, sizeof(family));
  char digits[8];
  const size_t length = format(digits, sizeof(digits), "%05x", number % kAutomaticNames);
  memcpy(address.bytes + kFamilySize + 1, digits, length);
  address.size = kFamilySize + 1 + static_cast<uint32_t>(length);
  return address;
}

}  // namespace

Result<RefPtr<UnixName>> UnixName::create(const SocketAddress& address, int type) {
  Result<void> checked = check(address);
  if (checked.is_error()) return checked.error();
  const bool is_automatic = address.size == kFamilySize;
  for (uint32_t attempt = 0; attempt < kAutomaticNames; ++attempt) {
    SocketAddress wanted = normalised(address);
    if (is_automatic) {
      wanted = automatic_address(
          g_abstract.with([](AbstractNames& table) { return table.next_automatic++; }));
    }
    RefPtr<UnixName> name = RefPtr<UnixName>::adopt(new UnixName(wanted, type));
    if (!name) return Errno::NoMemory;
    if (!is_abstract(wanted)) {
      Result<RefPtr<Inode>> inode = create_socket_inode(path_of(wanted), kSocketPermissions, name);
      if (inode.is_error()) return inode.error();
      return name;
    }
    UnixName* fresh = name.get();
    const bool is_free = g_abstract.with([fresh](AbstractNames& table) {
      if (table.find(fresh->address_, fresh->type_)) return false;
      table.names.push_back(fresh);
      return true;
    });
    if (is_free) return name;
    if (!is_automatic) return Errno::AddressInUse;
  }
  return Errno::NoSpace;
}

Result<RefPtr<UnixName>> UnixName::find(const SocketAddress& address, int type) {
  Result<void> checked = check(address);
  if (checked.is_error()) return checked.error();
  if (address.size == kFamilySize) return Errno::Invalid;
  RefPtr<UnixName> name;
  if (is_abstract(address)) {
    name = g_abstract.with([&](AbstractNames& table) { return table.find(address, type); });
  } else {
    Result<RefPtr<Inode>> inode = find_socket_inode(path_of(address));
    if (inode.is_error()) return inode.error();
    RefPtr<RefCounted> bound = inode.value()->binding();
    name = RefPtr<UnixName>(static_cast<UnixName*>(bound.get()));
  }
  if (!name || name->is_retired()) return Errno::ConnectionRefused;
  if (name->type_ != type) return Errno::ProtocolType;
  return name;
}

RefPtr<RefCounted> UnixName::target() {
  SpinGuard guard(lock_);
  return target_;
}

void UnixName::set_target(RefPtr<RefCounted> target) {
  // The old target leaves with the argument, after the lock.
  SpinGuard guard(lock_);
  swap_values(target_, target);
}

bool UnixName::is_retired() {
  SpinGuard guard(lock_);
  return is_retired_;
}

void UnixName::retire() {
  set_target(nullptr);
  {
    SpinGuard guard(lock_);
    is_retired_ = true;
  }
  g_abstract.with([this](AbstractNames&) { AbstractNames::remove(this); });
}

}  // namespace runtime
