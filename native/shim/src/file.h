// Whole small files.
#ifndef RUNTIME_SHIM_FILE_H
#define RUNTIME_SHIM_FILE_H

#include <optional>
#include <string>

namespace runtime {

/**
 * Reads a whole file.
 * @returns its bytes, or nothing with errno set by open(2), fstat(2) or read(2)
 */
std::optional<std::string> ReadFile(const char* path);

}  // namespace runtime

#endif  // RUNTIME_SHIM_FILE_H
