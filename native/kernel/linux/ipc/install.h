// Handing new open file descriptions to the application.
#pragma once

#include "linux/file.h"

namespace runtime {

/// Installs `file`, null when it could not be allocated, at the lowest free descriptor and returns
/// it. Errors: NoMemory, TooManyFiles.
Result<uint64_t> install_file(const RefPtr<File>& file, bool close_on_exec);
/// Installs two files and writes their descriptors to `target`; all or nothing. Errors: NoMemory,
/// TooManyFiles, Fault.
Result<uint64_t> install_pair(const RefPtr<File>& first, const RefPtr<File>& second,
                              bool close_on_exec, UserPtr<int> target);

}  // namespace runtime
