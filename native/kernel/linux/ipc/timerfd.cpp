#include "linux/system_calls.h"

namespace runtime {

Result<uint64_t> sys_timerfd_create(int, int) { return Errno::NotImplemented; }
Result<uint64_t> sys_timerfd_settime(int, int, UserPtr<void>, UserPtr<void>) {
  return Errno::NotImplemented;
}
Result<uint64_t> sys_timerfd_gettime(int, UserPtr<void>) { return Errno::NotImplemented; }

}  // namespace runtime
