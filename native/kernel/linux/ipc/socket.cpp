#include "linux/ipc/socket.h"

#include "lib/format.h"
#include "linux/fd_table.h"
#include "linux/ipc/interface_ioctl.h"
#include "linux/signals.h"

namespace runtime {

namespace {

constexpr uint32_t kReadableBytesRequest = 0x541b;    // FIONREAD, SIOCINQ
constexpr uint32_t kUnreceivedBytesRequest = 0x5411;  // SIOCOUTQ

}  // namespace

Socket::Patience Socket::patience(int message_flags, uint64_t timeout) const {
  Patience patience;
  patience.non_blocking = is_non_blocking() || (message_flags & kMessageDontWait) != 0;
  patience.deadline = timeout ? Deadline::after(timeout) : Deadline::never();
  return patience;
}

Socket::Patience Socket::receive_patience(int message_flags) const {
  return patience(message_flags, receive_timeout_);
}

Socket::Patience Socket::send_patience(int message_flags) const {
  return patience(message_flags, send_timeout_);
}

Result<size_t> Socket::read(IoBuffer& buffer) {
  IncomingMessage message(buffer, 0);
  return receive(message);
}

Result<size_t> Socket::write(IoBuffer& buffer) {
  OutgoingMessage message(buffer, 0);
  Result<size_t> sent = send(message);
  if (sent.is_error() && sent.error() == Errno::BrokenPipe) raise_broken_pipe();
  return sent;
}

Result<uint64_t> Socket::ioctl(uint32_t request, uint64_t argument) {
  size_t bytes = 0;
  switch (request) {
    case kReadableBytesRequest:
      if (is_listening()) return Errno::Invalid;
      bytes = readable_bytes();
      break;
    case kUnreceivedBytesRequest:
      if (is_listening()) return Errno::Invalid;
      bytes = unreceived_bytes();
      break;
    default:
      return interface_ioctl(request, argument);
  }
  Result<void> copied = UserPtr<int>(argument).write(static_cast<int>(bytes));
  if (copied.is_error()) return copied.error();
  return uint64_t{0};
}

Result<void> Socket::stat(Stat* result) {
  fill_anonymous_stat(result, kModeSocket | 0777, inode_number_);
  return {};
}

size_t Socket::describe(char* buffer, size_t capacity) {
  return format(buffer, capacity, "socket:[%lu]", inode_number_);
}

Result<RefPtr<Socket>> get_socket(int descriptor) {
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (file.is_error()) return file.error();
  if (file.value()->kind() != File::Kind::Socket) return Errno::NotSocket;
  return RefPtr<Socket>(static_cast<Socket*>(file.value().get()));
}

}  // namespace runtime
