// Whole files.
#ifndef RUNTIME_SHIM_FILE_H
#define RUNTIME_SHIM_FILE_H

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace runtime {

/**
 * Reads a whole file.
 * @returns its bytes, or nothing with errno set by open(2), fstat(2) or read(2)
 */
std::optional<std::string> ReadFile(const char* path);

/** A file's bytes where they are: nothing is copied, and only pages that are looked at are mapped. */
class MappedFile {
 public:
  /** @returns nothing with errno set by open(2), fstat(2) or mmap(2) */
  static std::optional<MappedFile> Open(const char* path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  /** The content; empty for an empty file and for none. Valid as long as this object is. */
  std::string_view bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::string_view bytes) : bytes_(bytes) {}

  std::string_view bytes_;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_FILE_H
