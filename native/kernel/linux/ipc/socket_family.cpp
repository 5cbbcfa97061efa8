// Which address families there are. A new family adds its line here.
#include "linux/ipc/netlink_socket.h"
#include "linux/ipc/socket.h"
#include "linux/ipc/unix_socket.h"

namespace runtime {

namespace {

const SocketFamily kSocketFamilies[] = {
    {kFamilyUnix, create_unix_socket, create_unix_pair},
    {kFamilyNetlink, create_netlink_socket, nullptr},
};

}  // namespace

Result<const SocketFamily*> find_socket_family(int family) {
  for (const SocketFamily& known : kSocketFamilies) {
    if (known.family == family) return &known;
  }
  return Errno::AddressFamilyNotSupported;
}

}  // namespace runtime
