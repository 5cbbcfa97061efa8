// Files and directories whose content is made when it is asked for: /proc and /sys.
#pragma once

#include "linux/fs/inode.h"
#include "linux/fs/text.h"
#include "linux/fs/tree.h"

namespace runtime {

/// Writes the content of a generated file. `argument` is what the inode was made with (e.g. a
/// thread's id). Runs without locks. Errors: NoEntry, NoProcess when the subject is gone.
using Generator = Result<void> (*)(TextWriter& text, uint64_t argument);

class GeneratedInode : public Inode {
 public:
  GeneratedInode(FileSystem& file_system, uint32_t permissions, Generator generator,
                 uint64_t argument = 0, uint64_t number = 0)
      : Inode(file_system, kModeRegular | permissions, number),
        generator_(generator),
        argument_(argument) {}

  Result<RefPtr<File>> open(int flags) override;
  Result<void> generate(TextWriter& text) { return generator_(text, argument_); }

 private:
  Generator generator_;
  uint64_t argument_;
};

/// Adds a generated file to a directory under construction. Errors: NoMemory.
Result<void> add_generated(TreeDirectory* directory, StringView name, Generator generator,
                           uint64_t argument = 0, uint32_t permissions = 0444);

/// Generated files of a directory as a table, e.g. those of a thread.
struct GeneratedName {
  const char* name;
  Generator generator;
  uint32_t permissions;
};

}  // namespace runtime
