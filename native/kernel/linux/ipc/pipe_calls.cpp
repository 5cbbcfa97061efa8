// pipe(2), pipe2(2).
#include "linux/ipc/install.h"
#include "linux/ipc/pipe.h"
#include "linux/system_calls.h"

namespace runtime {

/// O_DIRECT (packet mode) is refused with EINVAL, as kernels without it do.
Result<uint64_t> sys_pipe2(UserPtr<int> descriptors, int flags) {
  if (flags & ~(kOpenCloseOnExec | kOpenNonBlocking)) return Errno::Invalid;
  Result<RefPtr<Pipe>> pipe = Pipe::create();
  if (pipe.is_error()) return pipe.error();
  const int status = flags & kOpenNonBlocking;
  RefPtr<File> read_end = RefPtr<File>::adopt(new PipeFile(pipe.value(), kOpenReadOnly | status));
  RefPtr<File> write_end = RefPtr<File>::adopt(new PipeFile(pipe.value(), kOpenWriteOnly | status));
  return install_pair(read_end, write_end, (flags & kOpenCloseOnExec) != 0, descriptors);
}

Result<uint64_t> sys_pipe(UserPtr<int> descriptors) { return sys_pipe2(descriptors, 0); }

}  // namespace runtime
