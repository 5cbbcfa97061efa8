#include "linux/system_calls.h"

namespace runtime {

Result<uint64_t> sys_signalfd(int, UserPtr<uint64_t>, uint64_t) { return Errno::NotImplemented; }
Result<uint64_t> sys_signalfd4(int, UserPtr<uint64_t>, uint64_t, int) {
  return Errno::NotImplemented;
}

}  // namespace runtime
