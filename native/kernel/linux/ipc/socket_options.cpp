// Options of level SOL_SOCKET: socket(7).
#include "linux/ipc/socket.h"

namespace runtime {

namespace {

constexpr int kSocketLevel = 1;

// Option numbers, asm-generic/socket.h.
constexpr int kOptionDebug = 1;
constexpr int kOptionReuseAddress = 2;
constexpr int kOptionType = 3;
constexpr int kOptionError = 4;
constexpr int kOptionDontRoute = 5;
constexpr int kOptionBroadcast = 6;
constexpr int kOptionSendBuffer = 7;
constexpr int kOptionReceiveBuffer = 8;
constexpr int kOptionKeepAlive = 9;
constexpr int kOptionOutOfBandInline = 10;
constexpr int kOptionLinger = 13;
constexpr int kOptionPassCredentials = 16;
constexpr int kOptionPeerCredentials = 17;
constexpr int kOptionReceiveLowMark = 18;
constexpr int kOptionSendLowMark = 19;
constexpr int kOptionReceiveTimeout = 20;
constexpr int kOptionSendTimeout = 21;
constexpr int kOptionAcceptsConnections = 30;
constexpr int kOptionProtocol = 38;
constexpr int kOptionDomain = 39;

/// Flags that a family without the feature behind them (unix(7)) only has to remember.
bool is_stored_flag(int option) {
  return option == kOptionDebug || option == kOptionReuseAddress || option == kOptionDontRoute ||
         option == kOptionBroadcast || option == kOptionKeepAlive ||
         option == kOptionOutOfBandInline;
}

/// SO_SNDBUF and SO_RCVBUF double what they are given, for bookkeeping; Linux does and socket(7)
/// documents it, so programs expect it.
uint32_t effective_buffer(int wanted) {
  const uint32_t limited = wanted < 0 || wanted > static_cast<int>(kMaximumSocketBuffer / 2)
                               ? kMaximumSocketBuffer / 2
                               : static_cast<uint32_t>(wanted);
  const uint32_t doubled = limited * 2;
  return doubled < kMinimumSocketBuffer ? kMinimumSocketBuffer : doubled;
}

Result<uint64_t> read_timeout(UserPtr<void> value, uint32_t size) {
  if (size < sizeof(TimeValue)) return Errno::Invalid;
  Result<TimeValue> time = value.cast<TimeValue>().read();
  if (time.is_error()) return time.error();
  const int64_t million = 1000000;
  // EDOM on Linux; Range is the closest that this kernel's error type has.
  if (time.value().microseconds < 0 || time.value().microseconds >= million) return Errno::Domain;
  if (time.value().seconds < 0) return uint64_t{1};  // Linux: at once
  const int64_t second = static_cast<int64_t>(kNanosecondsPerSecond);
  if (time.value().seconds >= INT64_MAX / second - 1) return uint64_t{0};
  return static_cast<uint64_t>(time.value().seconds * second + time.value().microseconds * 1000);
}

TimeValue timeout_value(uint64_t nanoseconds) {
  return TimeValue{static_cast<int64_t>(nanoseconds / kNanosecondsPerSecond),
                   static_cast<int64_t>(nanoseconds % kNanosecondsPerSecond / 1000)};
}

}  // namespace

Result<void> Socket::put_value(UserPtr<void> target, UserPtr<uint32_t> size, const void* value,
                               uint32_t value_size) {
  Result<uint32_t> capacity = size.read();
  if (capacity.is_error()) return capacity.error();
  if (static_cast<int32_t>(capacity.value()) < 0) return Errno::Invalid;
  const uint32_t copied_size = capacity.value() < value_size ? capacity.value() : value_size;
  Result<void> copied = copy_to_user(target.address(), value, copied_size);
  if (copied.is_error()) return copied;
  return size.write(copied_size);
}

void Socket::inherit_options(const Socket& listener) {
  receive_timeout_ = listener.receive_timeout_;
  send_timeout_ = listener.send_timeout_;
  send_buffer_ = listener.send_buffer_;
  receive_buffer_ = listener.receive_buffer_;
  receive_low_mark_ = listener.receive_low_mark_;
  stored_flags_ = listener.stored_flags_;
  linger_[0] = listener.linger_[0];
  linger_[1] = listener.linger_[1];
}

Result<void> Socket::set_family_option(int, int, UserPtr<void>, uint32_t) {
  return Errno::NotSupported;
}

Result<void> Socket::get_family_option(int, int, UserPtr<void>, UserPtr<uint32_t>) {
  return Errno::NotSupported;
}

Result<void> Socket::set_option(int level, int option, UserPtr<void> value, uint32_t size) {
  if (static_cast<int32_t>(size) < 0) return Errno::Invalid;
  if (level != kSocketLevel) return set_family_option(level, option, value, size);
  if (option == kOptionReceiveTimeout || option == kOptionSendTimeout) {
    Result<uint64_t> timeout = read_timeout(value, size);
    if (timeout.is_error()) return timeout.error();
    (option == kOptionReceiveTimeout ? receive_timeout_ : send_timeout_) = timeout.value();
    return {};
  }
  if (size < sizeof(int)) return Errno::Invalid;
  Result<int> number = value.cast<int>().read();
  if (number.is_error()) return number.error();
  if (is_stored_flag(option)) {
    const uint32_t bit = 1u << option;
    stored_flags_ = number.value() ? stored_flags_ | bit : stored_flags_ & ~bit;
    return {};
  }
  switch (option) {
    case kOptionSendBuffer:
      send_buffer_ = effective_buffer(number.value());
      send_buffer_changed(send_buffer_);
      return {};
    case kOptionReceiveBuffer:
      receive_buffer_ = effective_buffer(number.value());
      receive_buffer_changed(receive_buffer_);
      return {};
    case kOptionLinger:
      if (size < sizeof(linger_)) return Errno::Invalid;
      return value.cast<int>().read_array(linger_, array_size(linger_));
    case kOptionPassCredentials:
      passes_credentials_ = number.value() != 0;
      return {};
    case kOptionReceiveLowMark:
      receive_low_mark_ = number.value() < 0 ? INT32_MAX : max_of(number.value(), 1);
      return {};
    default:
      return Errno::NoProtocolOption;  // the read-only ones, too, as on Linux
  }
}

Result<void> Socket::get_option(int level, int option, UserPtr<void> value,
                                UserPtr<uint32_t> size) {
  if (level != kSocketLevel) return get_family_option(level, option, value, size);
  if (option == kOptionReceiveTimeout || option == kOptionSendTimeout) {
    const TimeValue time =
        timeout_value(option == kOptionReceiveTimeout ? receive_timeout_ : send_timeout_);
    return put_value(value, size, &time, sizeof(time));
  }
  if (option == kOptionPeerCredentials) {
    const PeerCredentials credentials = peer_credentials();
    return put_value(value, size, &credentials, sizeof(credentials));
  }
  if (option == kOptionLinger) return put_value(value, size, linger_, sizeof(linger_));
  int number = 0;
  if (is_stored_flag(option)) {
    number = stored_flags_ >> option & 1;
    return put_value(value, size, &number, sizeof(number));
  }
  switch (option) {
    case kOptionType:
      number = type_;
      break;
    case kOptionError:
      number = take_error();
      break;
    case kOptionSendBuffer:
      number = static_cast<int>(send_buffer_);
      break;
    case kOptionReceiveBuffer:
      number = static_cast<int>(receive_buffer_);
      break;
    case kOptionPassCredentials:
      number = passes_credentials_;
      break;
    case kOptionReceiveLowMark:
      number = receive_low_mark_;
      break;
    case kOptionSendLowMark:
      number = 1;
      break;
    case kOptionAcceptsConnections:
      number = is_listening();
      break;
    case kOptionProtocol:
      number = protocol_;
      break;
    case kOptionDomain:
      number = family_;
      break;
    default:
      return Errno::NoProtocolOption;
  }
  return put_value(value, size, &number, sizeof(number));
}

}  // namespace runtime
