#include "linux/fs/generated.h"

#include "linux/fs/inode_file.h"

namespace runtime {

namespace {

/// A description of a generated file. The text is made anew when it is read from the start, so
/// each reader sees one consistent state, and a reader that starts over sees a fresh one.
class GeneratedFile : public InodeFile {
 public:
  GeneratedFile(RefPtr<GeneratedInode> inode, int flags)
      : InodeFile(inode, flags), generated_(inode.get()) {}

  Result<size_t> read(IoBuffer& buffer) override {
    MutexGuard guard(mutex_);
    Result<size_t> done = read_text(buffer, position_);
    if (!done.is_error()) position_ += done.value();
    return done;
  }
  Result<size_t> read_at(IoBuffer& buffer, uint64_t offset) override {
    MutexGuard guard(mutex_);
    return read_text(buffer, offset);
  }
  Result<uint64_t> seek(int64_t offset, int whence) override {
    MutexGuard guard(mutex_);
    if (whence == 2) return Errno::Invalid;  // the size is not known: seq_file refuses too
    Result<uint64_t> position = seek_position(position_, 0, offset, whence);
    if (!position.is_error()) position_ = position.value();
    return position;
  }

 private:
  Result<size_t> read_text(IoBuffer& buffer, uint64_t offset) {
    if (offset == 0 || !is_made_) {
      text_.clear();
      Result<void> made = generated_->generate(text_);
      if (made.is_error()) return made.error();
      if (text_.is_out_of_memory()) return Errno::NoMemory;
      is_made_ = true;
    }
    const StringView text = text_.view();
    if (offset >= text.size) return static_cast<size_t>(0);
    const size_t size = min_of<size_t>(buffer.remaining(), text.size - offset);
    const size_t before = buffer.remaining();
    Result<void> copied = buffer.put(text.data + offset, size);
    const size_t done = before - buffer.remaining();
    if (copied.is_error() && done == 0) return copied.error();
    return done;
  }

  GeneratedInode* generated_;  // kept alive by InodeFile
  Mutex mutex_{MutexRank::FileText};
  TextWriter text_;
  uint64_t position_ = 0;
  bool is_made_ = false;
};

}  // namespace

Result<RefPtr<File>> GeneratedInode::open(int flags) {
  if ((flags & kOpenAccessMask) != kOpenReadOnly) return Errno::Access;
  GeneratedFile* file = new GeneratedFile(RefPtr<GeneratedInode>(this), flags);
  if (!file) return Errno::NoMemory;
  return RefPtr<File>(RefPtr<GeneratedFile>::adopt(file));
}

Result<void> add_generated(TreeDirectory* directory, StringView name, Generator generator,
                           uint64_t argument, uint32_t permissions) {
  GeneratedInode* made =
      new GeneratedInode(directory->file_system(), permissions, generator, argument);
  if (!made) return Errno::NoMemory;
  return directory->add(name, RefPtr<GeneratedInode>::adopt(made));
}

}  // namespace runtime
