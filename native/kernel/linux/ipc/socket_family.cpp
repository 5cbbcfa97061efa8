// Which address families there are. Those of other folders are added at start-up.
#include "lib/format.h"
#include "linux/ipc/netlink_socket.h"
#include "linux/ipc/socket.h"
#include "linux/ipc/unix_socket.h"

namespace runtime {

namespace {

const SocketFamily kSocketFamilies[] = {
    {kFamilyUnix, create_unix_socket, create_unix_pair},
    {kFamilyNetlink, create_netlink_socket, nullptr},
};

constexpr size_t kMostAdded = 4;
const SocketFamily* g_added[kMostAdded] = {};  // before the first system call
size_t g_added_count = 0;

}  // namespace

void add_socket_family(const SocketFamily* family) {
  RUNTIME_ASSERT(g_added_count < kMostAdded);
  g_added[g_added_count++] = family;
}

Result<const SocketFamily*> find_socket_family(int family) {
  for (const SocketFamily& known : kSocketFamilies) {
    if (known.family == family) return &known;
  }
  for (size_t i = 0; i < g_added_count; ++i) {
    if (g_added[i]->family == family) return g_added[i];
  }
  return Errno::AddressFamilyNotSupported;
}

}  // namespace runtime
