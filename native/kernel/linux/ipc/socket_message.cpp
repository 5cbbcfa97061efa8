#include "linux/ipc/socket_message.h"

#include "linux/fd_table.h"
#include "linux/process_info.h"

namespace runtime {

namespace {

constexpr int kSocketLevel = 1;  // SOL_SOCKET
constexpr int kRightsType = 1;
constexpr int kCredentialsType = 2;
constexpr size_t kMaximumFiles = 253;  // SCM_MAX_FD

/// struct cmsghdr.
struct ControlHeader {
  uint64_t length;  // with the header
  int32_t level;
  int32_t type;
};

Result<void> load_files(Vector<RefPtr<File>>& files, UserPtr<int> descriptors, size_t count) {
  if (files.size() + count > kMaximumFiles) return Errno::Invalid;
  for (size_t i = 0; i < count; ++i) {
    Result<int> descriptor = descriptors.offset(i).read();
    if (descriptor.is_error()) return descriptor.error();
    Result<RefPtr<File>> file = fd_get(descriptor.value());
    if (file.is_error()) return file.error();
    Result<void> pushed = files.push(file.take());
    if (pushed.is_error()) return pushed;
  }
  return {};
}

Result<void> check_credentials(UserPtr<PeerCredentials> source, size_t size) {
  if (size != sizeof(PeerCredentials)) return Errno::Invalid;
  Result<PeerCredentials> claimed = source.read();
  if (claimed.is_error()) return claimed.error();
  const PeerCredentials own = own_credentials();
  const bool is_own = claimed.value().process == own.process && claimed.value().user == own.user &&
                      claimed.value().group == own.group;
  if (!is_own) return Errno::Perm;
  return {};
}

}  // namespace

Result<void> SocketAddress::load(UserPtr<void> source, uint32_t length) {
  if (length > sizeof(bytes)) return Errno::Invalid;
  size = length;
  return copy_from_user(bytes, source.address(), length);
}

Result<void> SocketAddress::store(UserPtr<void> target, uint32_t capacity) const {
  return copy_to_user(target.address(), bytes, size < capacity ? size : capacity);
}

PeerCredentials own_credentials() { return PeerCredentials{kProcessId, 0, 0}; }

Result<void> ControlData::copy_from(const ControlData& other) {
  for (const RefPtr<File>& file : other.files) {
    Result<void> pushed = files.push(file);
    if (pushed.is_error()) return pushed;
  }
  return {};
}

Result<void> ControlData::load(UserPtr<void> from, uint64_t size) {
  source = from;
  source_size = size;
  for (uint64_t offset = 0; size - offset >= sizeof(ControlHeader);) {
    const uint64_t address = from.address() + offset;
    Result<ControlHeader> header = UserPtr<ControlHeader>(address).read();
    if (header.is_error()) return header.error();
    const uint64_t length = header.value().length;
    if (length < sizeof(ControlHeader) || length > size - offset) return Errno::Invalid;
    const uint64_t payload = address + sizeof(ControlHeader);
    const size_t payload_size = length - sizeof(ControlHeader);
    if (header.value().level == kSocketLevel) {
      Result<void> loaded;
      switch (header.value().type) {
        case kRightsType:
          loaded = load_files(files, UserPtr<int>(payload), payload_size / sizeof(int));
          break;
        case kCredentialsType:
          loaded = check_credentials(UserPtr<PeerCredentials>(payload), payload_size);
          break;
        default:
          return Errno::Invalid;
      }
      if (loaded.is_error()) return loaded;
    }
    offset += align_up(length, sizeof(uint64_t));
    if (offset > size) break;
  }
  return {};
}

Result<void> ControlWriter::put_files(ControlData& control, bool close_on_exec) {
  if (control.is_empty()) return {};
  const uint64_t space = capacity_ - used_;
  const size_t room =
      space > sizeof(ControlHeader) ? (space - sizeof(ControlHeader)) / sizeof(int) : 0;
  size_t count = 0;
  UserPtr<int> target(address_ + used_ + sizeof(ControlHeader));
  for (; count < control.files.size() && count < room; ++count) {
    Result<int> descriptor = fd_install(control.files[count], close_on_exec);
    if (descriptor.is_error()) break;  // as Linux: what was installed is delivered
    Result<void> copied = target.offset(count).write(descriptor.value());
    if (copied.is_error()) {
      Result<void> closed = fd_close(descriptor.value());
      (void)closed;  // the application never learned the number
      return copied;
    }
  }
  if (count < control.files.size()) is_truncated_ = true;
  if (count == 0) return {};
  return put_header(count * sizeof(int), kSocketLevel, kRightsType);
}

Result<void> ControlWriter::put_credentials(const PeerCredentials& credentials) {
  const uint64_t space = capacity_ - used_;
  if (space < sizeof(ControlHeader) + sizeof(PeerCredentials)) {
    is_truncated_ = true;
    return {};
  }
  UserPtr<PeerCredentials> target(address_ + used_ + sizeof(ControlHeader));
  Result<void> copied = target.write(credentials);
  if (copied.is_error()) return copied;
  return put_header(sizeof(PeerCredentials), kSocketLevel, kCredentialsType);
}

Result<void> ControlWriter::put_message(const ControlMessage& message) {
  const uint64_t space = capacity_ - used_;
  if (space < sizeof(ControlHeader)) {
    is_truncated_ = true;
    return {};
  }
  const uint64_t room = space - sizeof(ControlHeader);
  if (room < message.size) is_truncated_ = true;
  const uint64_t size = min_of<uint64_t>(message.size, room);
  Result<void> copied = copy_to_user(address_ + used_ + sizeof(ControlHeader), message.data, size);
  if (copied.is_error()) return copied;
  return put_header(size, message.level, message.type);
}

void IncomingMessage::add_control(int level, int type, const void* bytes, uint32_t size) {
  if (message_count == array_size(messages)) return;
  ControlMessage& message = messages[message_count++];
  message.level = level;
  message.type = type;
  message.size = min_of<uint32_t>(size, sizeof(message.data));
  memcpy(message.data, bytes, message.size);
}

Result<bool> ControlReader::next(ControlMessage* message) {
  if (offset_ > size_ || size_ - offset_ < sizeof(ControlHeader)) return false;
  const uint64_t address = address_ + offset_;
  Result<ControlHeader> header = UserPtr<ControlHeader>(address).read();
  if (header.is_error()) return header.error();
  const uint64_t length = header.value().length;
  if (length < sizeof(ControlHeader) || length > size_ - offset_) return Errno::Invalid;
  message->level = header.value().level;
  message->type = header.value().type;
  message->size = static_cast<uint32_t>(length - sizeof(ControlHeader));
  memset(message->data, 0, sizeof(message->data));
  Result<void> copied = copy_from_user(message->data, address + sizeof(ControlHeader),
                                       min_of<uint64_t>(message->size, sizeof(message->data)));
  if (copied.is_error()) return copied.error();
  offset_ += align_up(length, sizeof(uint64_t));
  return true;
}

/// Completes the message whose payload is in place and moves behind it.
Result<void> ControlWriter::put_header(uint64_t payload_size, int level, int type) {
  const uint64_t length = sizeof(ControlHeader) + payload_size;
  const ControlHeader header = {length, level, type};
  Result<void> copied = UserPtr<ControlHeader>(address_ + used_).write(header);
  if (copied.is_error()) return copied;
  const uint64_t aligned = align_up(length, sizeof(uint64_t));
  used_ += aligned < capacity_ - used_ ? aligned : capacity_ - used_;
  return {};
}

}  // namespace runtime
