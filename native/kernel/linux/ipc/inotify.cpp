#include "linux/system_calls.h"

namespace runtime {

Result<uint64_t> sys_inotify_init() { return Errno::NotImplemented; }
Result<uint64_t> sys_inotify_init1(int) { return Errno::NotImplemented; }
Result<uint64_t> sys_inotify_add_watch(int, UserString, uint32_t) { return Errno::NotImplemented; }
Result<uint64_t> sys_inotify_rm_watch(int, int) { return Errno::NotImplemented; }

}  // namespace runtime
