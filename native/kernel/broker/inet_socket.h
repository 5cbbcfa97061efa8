// AF_INET and AF_INET6 sockets as Linux shows them: ip(7), ipv6(7), tcp(7), udp(7), icmp(7).
#pragma once

#include "broker/endpoint.h"
#include "broker/inet_options.h"
#include "linux/ipc/socket.h"

namespace runtime {

/// SocketFamily::create of AF_INET and AF_INET6.
Result<RefPtr<Socket>> create_inet_socket_v4(int type, int protocol, int status_flags);
Result<RefPtr<Socket>> create_inet_socket_v6(int type, int protocol, int status_flags);

constexpr int kProtocolIcmp = 1;
constexpr int kProtocolTcp = 6;
constexpr int kProtocolUdp = 17;
constexpr int kProtocolIcmpV6 = 58;

/// What streams and datagrams have in common.
class InternetSocket : public Socket {
 public:
  InternetSocket(int type, int protocol, int status_flags, RefPtr<Endpoint> endpoint);

  Result<void> bind(const SocketAddress& address) override;
  Result<void> local_address(SocketAddress* address) override;
  int take_error() override { return endpoint_->take_error(); }
  Result<void> set_option(int level, int option, UserPtr<void> value, uint32_t size) override;
  Result<void> get_option(int level, int option, UserPtr<void> value,
                          UserPtr<uint32_t> size) override;
  Result<void> set_family_option(int level, int option, UserPtr<void> value,
                                 uint32_t size) override;
  Result<void> get_family_option(int level, int option, UserPtr<void> value,
                                 UserPtr<uint32_t> size) override;
  Result<uint64_t> ioctl(uint32_t request, uint64_t argument) override;
  WaitQueue* poll_queue() override { return &endpoint_->ready_queue(); }

 protected:
  Waiting waiting(const Patience& patience) const {
    return Waiting{patience.non_blocking, patience.deadline, patience.interrupted()};
  }
  bool is_v6() const { return family() == kFamilyInternetV6; }
  bool is_shut(uint32_t flag) const { return (endpoint_->kernel_flags() & flag) != 0; }
  /// Whether an address of the other kind may be used. Errors: NetworkUnreachable.
  Result<void> check_kind(const InternetAddress& address) const;
  void send_buffer_changed(uint32_t size) override;
  void receive_buffer_changed(uint32_t size) override;
  /// RUNTIME_BIND_* as the options have it.
  uint32_t bind_flags() const;
  /// Binds to a port of the system's choice on the wildcard address, unless bound.
  Result<void> bind_anywhere();

  const RefPtr<Endpoint> endpoint_;
  InternetOptions options_;

 private:
  Result<void> set_number(const NumberOption* option, int value);
  Result<void> set_membership(int level, int option, UserPtr<void> value, uint32_t size);
  Result<void> set_congestion(UserPtr<void> value, uint32_t size);

  uint32_t chosen_send_buffer_ = 0;  // as SO_SNDBUF was set; 0: the service tunes
  uint32_t chosen_receive_buffer_ = 0;
};

/// TCP.
class InternetStream final : public InternetSocket {
 public:
  InternetStream(int status_flags, RefPtr<Endpoint> endpoint)
      : InternetSocket(kSocketStream, kProtocolTcp, status_flags, move(endpoint)) {}

  Result<void> connect(const SocketAddress& address) override;
  Result<void> listen(uint32_t backlog) override;
  Result<RefPtr<Socket>> accept(int status_flags, SocketAddress* peer) override;
  Result<size_t> send(OutgoingMessage& message) override;
  Result<size_t> receive(IncomingMessage& message) override;
  Result<void> shutdown(int how) override;
  Result<void> peer_address(SocketAddress* address) override;
  bool is_listening() override { return endpoint_->is_listening() && !endpoint_->is_stopped(); }
  int take_error() override;
  size_t readable_bytes() override;
  size_t unreceived_bytes() override;
  uint32_t poll_events() override;

 protected:
  void last_reference_gone() override;

 private:
  /// What connect(2) has made of the socket; Linux's SS_*.
  enum class Progress : uint8_t { Unconnected, Connecting, Connected };
  /// The states of TCP that the app can tell apart.
  enum class State : uint8_t { Closed, Listening, Connecting, Connected };

  Progress progress() const { return __atomic_load_n(&progress_, __ATOMIC_ACQUIRE); }
  void set_progress(Progress progress) { __atomic_store_n(&progress_, progress, __ATOMIC_RELEASE); }
  /// These three go by one look at the service's flags (RUNTIME_SERVICE_FLAG_*).
  State state(uint32_t flags) const;
  bool is_receive_ended(uint32_t flags) const;
  bool is_send_ended(uint32_t flags) const;
  State state() const { return state(endpoint_->flags()); }
  bool is_receive_ended() const { return is_receive_ended(endpoint_->flags()); }
  bool is_send_ended() const { return is_send_ended(endpoint_->flags()); }
  bool is_error_due() const;
  int pending_error() const;
  Result<void> begin_connect(const SocketAddress& address);
  Result<void> wait_for_connect(const Waiting& patience, Errno meanwhile);
  Result<void> check_sendable(const Waiting& patience);
  Errno stream_error();
  Result<void> wait_for_data(const Waiting& patience, size_t offset);

  Progress progress_ = Progress::Unconnected;  // atomic
};

/// UDP and ICMP echo.
class InternetDatagram final : public InternetSocket {
 public:
  InternetDatagram(int protocol, int status_flags, RefPtr<Endpoint> endpoint)
      : InternetSocket(kSocketDatagram, protocol, status_flags, move(endpoint)) {}

  Result<void> connect(const SocketAddress& address) override;
  Result<size_t> send(OutgoingMessage& message) override;
  Result<size_t> receive(IncomingMessage& message) override;
  Result<void> shutdown(int how) override;
  Result<void> peer_address(SocketAddress* address) override;
  size_t readable_bytes() override { return endpoint_->next_datagram_size(); }
  size_t unreceived_bytes() override { return endpoint_->unsent_bytes(); }
  uint32_t poll_events() override;

 protected:
  void last_reference_gone() override;

 private:
  bool is_connected() const { return endpoint_->has_flag(RUNTIME_SERVICE_FLAG_CONNECTED); }
  Result<void> fill_header(OutgoingMessage& message, RuntimeDatagramRecord* header);
  Result<void> read_control(const OutgoingMessage& message, RuntimeDatagramRecord* header);
  void write_control(const RuntimeDatagramRecord& header, IncomingMessage& message);
  Result<void> make_bound(const RuntimeDatagramRecord& header);
};

}  // namespace runtime
