// AF_NETLINK sockets: how getifaddrs(3) and tools ask for network interfaces. netlink(7).
#pragma once

#include "linux/ipc/netlink_message.h"
#include "linux/ipc/socket.h"
#include "sync/mutex.h"

namespace runtime {

constexpr int kFamilyNetlink = 16;

/// SocketFamily::create of AF_NETLINK.
Result<RefPtr<Socket>> create_netlink_socket(int type, int protocol, int status_flags);

/// A socket of NETLINK_ROUTE. Its peer is the kernel: a request is answered before send(2) returns,
/// and the answer waits to be received. Membership in groups is kept, but nothing is announced to
/// groups yet.
class NetlinkSocket : public Socket {
 public:
  NetlinkSocket(int type, int status_flags) : Socket(kFamilyNetlink, type, 0, status_flags) {}

  Result<void> bind(const SocketAddress& address) override;
  Result<void> connect(const SocketAddress& address) override;
  Result<size_t> send(OutgoingMessage& message) override;
  Result<size_t> receive(IncomingMessage& message) override;
  Result<void> shutdown(int how) override {
    (void)how;
    return Errno::NotSupported;
  }
  Result<void> local_address(SocketAddress* address) override;
  Result<void> peer_address(SocketAddress* address) override;
  int take_error() override { return __atomic_exchange_n(&error_, 0, __ATOMIC_ACQ_REL); }
  Result<void> set_family_option(int level, int option, UserPtr<void> value,
                                 uint32_t size) override;
  Result<void> get_family_option(int level, int option, UserPtr<void> value,
                                 UserPtr<uint32_t> size) override;
  Result<uint64_t> ioctl(uint32_t request, uint64_t argument) override {
    (void)request;
    (void)argument;
    return Errno::NotTerminal;  // not even FIONREAD, as on Linux
  }
  uint32_t poll_events() override;
  WaitQueue* poll_queue() override { return &queue_; }

 protected:
  ~NetlinkSocket() override;

 private:
  friend class NetlinkPorts;

  uint32_t port() const { return __atomic_load_n(&port_, __ATOMIC_ACQUIRE); }
  Result<void> check_destination(const SocketAddress* address);
  void enqueue(NetlinkReplies* replies);
  bool has_datagram() const { return __atomic_load_n(&queued_bytes_, __ATOMIC_ACQUIRE) != 0; }
  bool has_error() const { return __atomic_load_n(&error_, __ATOMIC_ACQUIRE) != 0; }
  Result<void> wait_for_datagram(const Patience& patience);

  WaitQueue queue_;
  Mutex mutex_{MutexRank::Netlink};  // all below, unless atomic; held while bytes are copied
  List<NetlinkDatagram, &NetlinkDatagram::node> datagrams_;
  size_t queued_bytes_ = 0;  // atomic reads
  uint32_t port_ = 0;        // atomic; 0: not bound. Changed under the lock of all ports
  uint32_t groups_ = 0;      // atomic; bit n: group n + 1
  uint32_t flags_ = 0;       // atomic; options, by their number
  int error_ = 0;            // atomic
  ListNode port_node_;       // among all bound sockets, under their lock
};

}  // namespace runtime
