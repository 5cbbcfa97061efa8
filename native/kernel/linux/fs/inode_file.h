// Open file descriptions of inodes: regular files, directories, O_PATH.
#pragma once

#include "linux/file.h"
#include "linux/fs/regular.h"

namespace runtime {

/// What all descriptions of inodes share. Tells observers of opening (by the opener) and closing.
class InodeFile : public File {
 public:
  InodeFile(RefPtr<Inode> inode, int flags) : File(flags), inode_(move(inode)) {}

  Result<void> stat(Stat* result) override {
    inode_->stat(result);
    return {};
  }
  Inode* inode() override { return inode_.get(); }
  size_t describe(char* buffer, size_t capacity) override;
  Kind kind() const override { return Kind::Inode; }
  void descriptor_closed() override;
  Result<void> freeze(FrozenFile* into) override;

 protected:
  ~InodeFile() override;

 private:
  RefPtr<Inode> inode_;
};

/// An O_PATH description: a place in the tree, no access to content.
class PathFile : public InodeFile {
 public:
  PathFile(RefPtr<Inode> inode, int flags) : InodeFile(move(inode), flags) {}
  uint32_t poll_events() override { return kPollInvalid; }
};

/// A description of a regular file.
class RegularFile : public InodeFile {
 public:
  RegularFile(RefPtr<RegularInode> inode, int flags)
      : InodeFile(inode, flags), regular_(inode.get()) {}

  Result<size_t> read(IoBuffer& buffer) override;
  Result<size_t> write(IoBuffer& buffer) override;
  Result<size_t> read_at(IoBuffer& buffer, uint64_t offset) override;
  Result<size_t> write_at(IoBuffer& buffer, uint64_t offset) override;
  Result<uint64_t> seek(int64_t offset, int whence) override;
  Result<uint64_t> ioctl(uint32_t request, uint64_t argument) override;
  Result<RefPtr<Mappable>> mappable(bool shared_writable) override;

 private:
  RegularInode* regular_;  // kept alive by InodeFile
  Mutex position_mutex_{MutexRank::FilePosition};
  uint64_t position_ = 0;
};

/// A description of a directory; read by getdents64.
class DirectoryFile : public InodeFile {
 public:
  DirectoryFile(RefPtr<DirectoryInode> inode, int flags)
      : InodeFile(inode, flags), directory_(inode.get()) {}

  Result<size_t> read(IoBuffer& buffer) override {
    (void)buffer;
    return Errno::IsDirectory;
  }
  Result<size_t> read_at(IoBuffer& buffer, uint64_t offset) override {
    (void)buffer;
    (void)offset;
    return Errno::IsDirectory;
  }
  Result<uint64_t> seek(int64_t offset, int whence) override;
  /// Fills application memory with struct linux_dirent64 records, getdents64(2). Returns the bytes
  /// written, 0 at the end. Errors: Fault, Invalid when not even one record fits, NoEntry when the
  /// directory was removed.
  Result<size_t> read_entries(uint64_t address, size_t size);

 private:
  bool item_at(uint64_t cookie, DirectoryInode::Item* item);

  DirectoryInode* directory_;  // kept alive by InodeFile
  Mutex position_mutex_{MutexRank::FilePosition};
  uint64_t position_ = 0;
};

/// New position for lseek(2) with SEEK_SET, SEEK_CUR or SEEK_END. Errors: Invalid, Overflow.
Result<uint64_t> seek_position(uint64_t position, uint64_t size, int64_t offset, int whence);

}  // namespace runtime
