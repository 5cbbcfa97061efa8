#include "linux/ipc/install.h"

#include "linux/fd_table.h"

namespace runtime {

namespace {

/// Undoes the installation of a descriptor that the application never learned.
void take_back(int descriptor) {
  Result<void> closed = fd_close(descriptor);
  (void)closed;  // it was open a moment ago; another thread may have closed it by number
}

}  // namespace

Result<uint64_t> install_file(const RefPtr<File>& file, bool close_on_exec) {
  if (!file) return Errno::NoMemory;
  Result<int> descriptor = fd_install(file, close_on_exec);
  if (descriptor.is_error()) return descriptor.error();
  return static_cast<uint64_t>(descriptor.value());
}

Result<uint64_t> install_pair(const RefPtr<File>& first, const RefPtr<File>& second,
                              bool close_on_exec, UserPtr<int> target) {
  if (!first || !second) return Errno::NoMemory;
  Result<int> first_descriptor = fd_install(first, close_on_exec);
  if (first_descriptor.is_error()) return first_descriptor.error();
  Result<int> second_descriptor = fd_install(second, close_on_exec);
  if (second_descriptor.is_error()) {
    take_back(first_descriptor.value());
    return second_descriptor.error();
  }
  const int pair[2] = {first_descriptor.value(), second_descriptor.value()};
  Result<void> copied = target.write_array(pair, 2);
  if (copied.is_error()) {
    take_back(second_descriptor.value());
    take_back(first_descriptor.value());
    return copied.error();
  }
  return uint64_t{0};
}

}  // namespace runtime
