// pipe(2), pipe2(2).
#include "linux/fd_table.h"
#include "linux/ipc/pipe.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

/// Undoes the installation of a descriptor that the application never learned.
void take_back(int descriptor) {
  Result<void> closed = fd_close(descriptor);
  (void)closed;  // it was open a moment ago; another thread may have closed it by number
}

}  // namespace

/// O_DIRECT (packet mode) is refused with EINVAL, as kernels without it do.
Result<uint64_t> sys_pipe2(UserPtr<int> descriptors, int flags) {
  if (flags & ~(kOpenCloseOnExec | kOpenNonBlocking)) return Errno::Invalid;
  Result<RefPtr<Pipe>> pipe = Pipe::create();
  if (pipe.is_error()) return pipe.error();
  const int status = flags & kOpenNonBlocking;
  const bool close_on_exec = (flags & kOpenCloseOnExec) != 0;
  RefPtr<File> read_end = RefPtr<File>::adopt(new PipeFile(pipe.value(), kOpenReadOnly | status));
  RefPtr<File> write_end = RefPtr<File>::adopt(new PipeFile(pipe.value(), kOpenWriteOnly | status));
  if (!read_end || !write_end) return Errno::NoMemory;
  Result<int> first = fd_install(read_end, close_on_exec);
  if (first.is_error()) return first.error();
  Result<int> second = fd_install(write_end, close_on_exec);
  if (second.is_error()) {
    take_back(first.value());
    return second.error();
  }
  const int pair[2] = {first.value(), second.value()};
  Result<void> copied = descriptors.write_array(pair, 2);
  if (copied.is_error()) {
    take_back(second.value());
    take_back(first.value());
    return copied.error();
  }
  return uint64_t{0};
}

Result<uint64_t> sys_pipe(UserPtr<int> descriptors) { return sys_pipe2(descriptors, 0); }

}  // namespace runtime
