// Sending and receiving through sockets: send(2), recv(2), sendmmsg(2), recvmmsg(2).
#include "linux/ipc/readiness.h"
#include "linux/ipc/socket.h"
#include "linux/signals.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

constexpr uint64_t kMaximumVectors = 1024;         // UIO_MAXIOV
constexpr uint64_t kMaximumTransfer = 0x7ffff000;  // MAX_RW_COUNT
constexpr uint32_t kMaximumMessages = 1024;        // of sendmmsg and recvmmsg

/// struct msghdr.
struct MessageHeader {
  uint64_t name;
  uint32_t name_size;
  uint32_t padding;
  uint64_t vectors;
  uint64_t vector_count;
  uint64_t control;
  uint64_t control_size;
  int32_t flags;
  uint32_t padding2;
};
static_assert(sizeof(MessageHeader) == 56, "struct msghdr is 56 bytes");

/// struct mmsghdr.
struct MultipleMessageHeader {
  MessageHeader header;
  uint32_t size;
  uint32_t padding;
};

/// The gather list of a message, in kernel memory. Few messages have more than a handful of
/// ranges, so these need no allocation.
class MessageVectors {
 public:
  /// Errors: MessageSize (too many), Invalid (sizes add up to too much), Fault, NoMemory.
  Result<void> load(UserPtr<IoVector> source, uint64_t count);
  IoBuffer buffer() const { return IoBuffer::vectors(list_, count_); }

 private:
  IoVector few_[8];
  Vector<IoVector> many_;
  const IoVector* list_ = few_;
  size_t count_ = 0;
};

Result<void> MessageVectors::load(UserPtr<IoVector> source, uint64_t count) {
  if (count > kMaximumVectors) return Errno::MessageSize;
  IoVector* list = few_;
  if (count > array_size(few_)) {
    Result<void> resized = many_.resize(count);
    if (resized.is_error()) return resized;
    list = many_.data();
  }
  Result<void> copied = source.read_array(list, count);
  if (copied.is_error()) return copied;
  uint64_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    if (static_cast<int64_t>(list[i].length) < 0) return Errno::Invalid;
    if (list[i].length > kMaximumTransfer - total) list[i].length = kMaximumTransfer - total;
    total += list[i].length;
  }
  list_ = list;
  count_ = count;
  return {};
}

Result<size_t> send_on(Socket& socket, OutgoingMessage& message) {
  Result<size_t> sent = socket.send(message);
  if (sent.is_error() && sent.error() == Errno::BrokenPipe && !(message.flags & kMessageNoSignal)) {
    raise_broken_pipe();
  }
  return sent;
}

Result<uint64_t> send_message(Socket& socket, UserPtr<MessageHeader> source, int flags) {
  Result<MessageHeader> copied = source.read();
  if (copied.is_error()) return copied.error();
  const MessageHeader& header = copied.value();
  SocketAddress address;
  if (header.name && header.name_size > 0) {
    Result<void> loaded = address.load(UserPtr<void>(header.name), header.name_size);
    if (loaded.is_error()) return loaded.error();
  }
  MessageVectors vectors;
  Result<void> loaded = vectors.load(UserPtr<IoVector>(header.vectors), header.vector_count);
  if (loaded.is_error()) return loaded.error();
  if (header.control_size > INT32_MAX) return Errno::NoBuffers;
  IoBuffer buffer = vectors.buffer();
  OutgoingMessage message(buffer, flags);
  if (address.size > 0) message.address = &address;
  loaded = message.control.load(UserPtr<void>(header.control), header.control_size);
  if (loaded.is_error()) return loaded.error();
  Result<size_t> sent = send_on(socket, message);
  if (sent.is_error()) return sent.error();
  return uint64_t{sent.value()};
}

/// Hands out what came beside the bytes and fills in the fields that recvmsg(2) returns.
Result<void> finish_receive(MessageHeader& header, UserPtr<MessageHeader> target,
                            IncomingMessage& message) {
  ControlWriter control(UserPtr<void>(header.control), header.control ? header.control_size : 0);
  Result<void> result;
  if (message.has_credentials) result = control.put_credentials(own_credentials());
  if (result.is_error()) return result;
  for (size_t i = 0; i < message.message_count && !result.is_error(); ++i) {
    result = control.put_message(message.messages[i]);
  }
  if (result.is_error()) return result;
  result = control.put_files(message.control, (message.flags & kMessageCloseOnExec) != 0);
  if (result.is_error()) return result;
  if (header.name) {
    result = message.address.store(UserPtr<void>(header.name), header.name_size);
    if (result.is_error()) return result;
    header.name_size = message.address.size;
  }
  header.control_size = control.used();
  header.flags = message.result_flags | (message.flags & kMessageCloseOnExec) |
                 (control.is_truncated() ? kMessageControlTruncated : 0);
  return target.write(header);
}

Result<uint64_t> receive_message(Socket& socket, UserPtr<MessageHeader> target, int flags) {
  Result<MessageHeader> copied = target.read();
  if (copied.is_error()) return copied.error();
  MessageHeader& header = copied.value();
  if (header.name && static_cast<int32_t>(header.name_size) < 0) return Errno::Invalid;
  MessageVectors vectors;
  Result<void> loaded = vectors.load(UserPtr<IoVector>(header.vectors), header.vector_count);
  if (loaded.is_error()) return loaded.error();
  IoBuffer buffer = vectors.buffer();
  IncomingMessage message(buffer, flags);
  Result<size_t> received = socket.receive(message);
  if (received.is_error()) return received.error();
  Result<void> finished = finish_receive(header, target, message);
  if (finished.is_error()) return finished.error();
  return uint64_t{received.value()};
}

UserPtr<MultipleMessageHeader> message_at(UserPtr<void> messages, uint32_t index) {
  return messages.cast<MultipleMessageHeader>().offset(index);
}

Result<void> put_size(UserPtr<MultipleMessageHeader> target, uint64_t size) {
  const uint64_t address = target.address() + offsetof(MultipleMessageHeader, size);
  return UserPtr<uint32_t>(address).write(static_cast<uint32_t>(size));
}

}  // namespace

Result<uint64_t> sys_sendto(int descriptor, UserPtr<void> buffer, uint64_t size, int flags,
                            UserPtr<void> address, uint32_t address_size) {
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  IoBuffer data = IoBuffer::user(buffer.address(), min_of(size, kMaximumTransfer));
  OutgoingMessage message(data, flags);
  SocketAddress target;
  if (address) {
    Result<void> loaded = target.load(address, address_size);
    if (loaded.is_error()) return loaded.error();
    if (address_size > 0) message.address = &target;
  }
  Result<size_t> sent = send_on(*socket.value(), message);
  if (sent.is_error()) return sent.error();
  return uint64_t{sent.value()};
}

Result<uint64_t> sys_recvfrom(int descriptor, UserPtr<void> buffer, uint64_t size, int flags,
                              UserPtr<void> address, UserPtr<uint32_t> address_size) {
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  IoBuffer data = IoBuffer::user(buffer.address(), min_of(size, kMaximumTransfer));
  IncomingMessage message(data, flags);
  Result<size_t> received = socket.value()->receive(message);
  if (received.is_error()) return received.error();
  if (address) {
    Result<uint32_t> capacity = address_size.read();
    if (capacity.is_error()) return capacity.error();
    if (static_cast<int32_t>(capacity.value()) < 0) return Errno::Invalid;
    Result<void> stored = message.address.store(address, capacity.value());
    if (!stored.is_error()) stored = address_size.write(message.address.size);
    if (stored.is_error()) return stored.error();
  }
  return uint64_t{received.value()};
}

Result<uint64_t> sys_sendmsg(int descriptor, UserPtr<void> message, int flags) {
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  return send_message(*socket.value(), message.cast<MessageHeader>(), flags);
}

Result<uint64_t> sys_recvmsg(int descriptor, UserPtr<void> message, int flags) {
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  return receive_message(*socket.value(), message.cast<MessageHeader>(), flags);
}

Result<uint64_t> sys_sendmmsg(int descriptor, UserPtr<void> messages, uint32_t count, int flags) {
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  count = min_of(count, kMaximumMessages);
  uint32_t sent_count = 0;
  for (; sent_count < count; ++sent_count) {
    UserPtr<MultipleMessageHeader> target = message_at(messages, sent_count);
    Result<uint64_t> sent = send_message(*socket.value(), target.cast<MessageHeader>(), flags);
    Result<void> stored;
    if (!sent.is_error()) stored = put_size(target, sent.value());
    const bool failed = sent.is_error() || stored.is_error();
    if (failed && sent_count == 0) return sent.is_error() ? sent.error() : stored.error();
    if (failed) break;
  }
  return uint64_t{sent_count};
}

/// As on Linux the time-out is looked at between messages only, and the time left is written back.
Result<uint64_t> sys_recvmmsg(int descriptor, UserPtr<void> messages, uint32_t count, int flags,
                              UserPtr<TimeSpec> timeout) {
  Result<Deadline> deadline = deadline_of_timespec(timeout);
  if (deadline.is_error()) return deadline.error();
  Result<RefPtr<Socket>> socket = get_socket(descriptor);
  if (socket.is_error()) return socket.error();
  count = min_of(count, kMaximumMessages);
  uint32_t received_count = 0;
  while (received_count < count) {
    UserPtr<MultipleMessageHeader> target = message_at(messages, received_count);
    Result<uint64_t> received =
        receive_message(*socket.value(), target.cast<MessageHeader>(), flags & ~kMessageWaitForOne);
    Result<void> stored;
    if (!received.is_error()) stored = put_size(target, received.value());
    const bool failed = received.is_error() || stored.is_error();
    if (failed && received_count == 0) {
      return received.is_error() ? received.error() : stored.error();
    }
    if (failed) break;
    ++received_count;
    if (flags & kMessageWaitForOne) flags |= kMessageDontWait;
    if (deadline.value().has_passed()) break;
  }
  write_time_left(timeout, deadline.value());
  return uint64_t{received_count};
}

}  // namespace runtime
