#include "linux/system_calls.h"

namespace runtime {

Result<uint64_t> sys_socket(int, int, int) { return Errno::NotImplemented; }
Result<uint64_t> sys_connect(int, UserPtr<void>, uint32_t) { return Errno::NotImplemented; }
Result<uint64_t> sys_accept(int, UserPtr<void>, UserPtr<uint32_t>) { return Errno::NotImplemented; }
Result<uint64_t> sys_sendto(int, UserPtr<void>, uint64_t, int, UserPtr<void>, uint32_t) {
  return Errno::NotImplemented;
}
Result<uint64_t> sys_recvfrom(int, UserPtr<void>, uint64_t, int, UserPtr<void>, UserPtr<uint32_t>) {
  return Errno::NotImplemented;
}
Result<uint64_t> sys_sendmsg(int, UserPtr<void>, int) { return Errno::NotImplemented; }
Result<uint64_t> sys_recvmsg(int, UserPtr<void>, int) { return Errno::NotImplemented; }
Result<uint64_t> sys_shutdown(int, int) { return Errno::NotImplemented; }
Result<uint64_t> sys_bind(int, UserPtr<void>, uint32_t) { return Errno::NotImplemented; }
Result<uint64_t> sys_listen(int, int) { return Errno::NotImplemented; }
Result<uint64_t> sys_getsockname(int, UserPtr<void>, UserPtr<uint32_t>) {
  return Errno::NotImplemented;
}
Result<uint64_t> sys_getpeername(int, UserPtr<void>, UserPtr<uint32_t>) {
  return Errno::NotImplemented;
}
Result<uint64_t> sys_socketpair(int, int, int, UserPtr<int>) { return Errno::NotImplemented; }
Result<uint64_t> sys_setsockopt(int, int, int, UserPtr<void>, uint32_t) {
  return Errno::NotImplemented;
}
Result<uint64_t> sys_getsockopt(int, int, int, UserPtr<void>, UserPtr<uint32_t>) {
  return Errno::NotImplemented;
}
Result<uint64_t> sys_accept4(int, UserPtr<void>, UserPtr<uint32_t>, int) {
  return Errno::NotImplemented;
}
Result<uint64_t> sys_recvmmsg(int, UserPtr<void>, uint32_t, int, UserPtr<TimeSpec>) {
  return Errno::NotImplemented;
}
Result<uint64_t> sys_sendmmsg(int, UserPtr<void>, uint32_t, int) { return Errno::NotImplemented; }

}  // namespace runtime
