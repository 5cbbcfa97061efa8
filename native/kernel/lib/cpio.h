// Reader of cpio archives in the "newc" format, cpio(5), over memory that is not to be trusted.
#pragma once

#include "lib/result.h"
#include "lib/string.h"

namespace runtime {

/// One member of an archive. Name and data point into the archive.
struct CpioEntry {
  StringView name;  // as stored, without the NULs
  StringView data;
  uint32_t inode = 0;
  uint32_t mode = 0;
  uint32_t user = 0;
  uint32_t group = 0;
  uint32_t links = 0;
  uint32_t modify_time = 0;
};

/// Walks an archive from its start to its trailer. Nothing is read outside the archive.
class CpioReader {
 public:
  explicit CpioReader(StringView archive) : archive_(archive) {}

  /// Reads the next member into `entry`. Returns false after the trailer. Errors: Invalid; then
  /// `problem` says why and `offset` where.
  Result<bool> next(CpioEntry* entry);

  /// The archive that follows this one's trailer, NULs between them left out, as in an initrd of Linux; empty when
  /// none does. After the trailer.
  StringView following() const;

  /// Where the header of the current member starts, in bytes from the archive's start.
  size_t offset() const { return header_; }
  /// What is wrong, as the end of a sentence.
  const char* problem() const { return problem_; }

 private:
  Result<bool> fail(const char* problem) {
    problem_ = problem;
    return Errno::Invalid;
  }

  StringView archive_;
  size_t header_ = 0;
  size_t position_ = 0;
  const char* problem_ = "";
};

}  // namespace runtime
