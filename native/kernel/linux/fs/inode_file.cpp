#include "linux/fs/inode_file.h"

#include "linux/fs/locks.h"
#include "linux/fs/notify.h"
#include "linux/fs/tree.h"
#include "warm/frozen_file.h"

namespace runtime {

namespace {

constexpr int kSeekSet = 0;
constexpr int kSeekCurrent = 1;
constexpr int kSeekEnd = 2;
constexpr int kSeekData = 3;
constexpr int kSeekHole = 4;
constexpr uint32_t kIoctlBytesReadable = 0x541b;  // FIONREAD

/// struct linux_dirent64 up to the name, getdents64(2).
struct DirectoryRecord {
  uint64_t inode;
  int64_t next_position;
  uint16_t size;
  uint8_t type;
} __attribute__((packed));
constexpr size_t kRecordNameOffset = 19;
static_assert(sizeof(DirectoryRecord) == kRecordNameOffset, "d_name is at offset 19");

}  // namespace

Result<uint64_t> seek_position(uint64_t position, uint64_t size, int64_t offset, int whence) {
  int64_t base = 0;
  switch (whence) {
    case kSeekSet:
      break;
    case kSeekCurrent:
      base = static_cast<int64_t>(position);
      break;
    case kSeekEnd:
      base = static_cast<int64_t>(size);
      break;
    default:
      return Errno::Invalid;
  }
  int64_t result = 0;
  if (__builtin_add_overflow(base, offset, &result)) return Errno::Overflow;
  if (result < 0) return Errno::Invalid;
  return static_cast<uint64_t>(result);
}

InodeFile::~InodeFile() {
  drop_locks(inode_.get(), this);
  if ((status_flags() & kOpenPath) != 0) return;
  notify_inode(inode_.get(), is_writable() ? kNotifyCloseWrite : kNotifyCloseNoWrite);
}

void InodeFile::descriptor_closed() { drop_locks(inode_.get(), process_lock_owner()); }

size_t InodeFile::describe(char* buffer, size_t capacity) {
  TreeGuard guard;
  return tree_path(inode_.get(), buffer, capacity);
}

Result<void> InodeFile::freeze(FrozenFile* into) {
  into->kind = FrozenFileKind::Path;
  Result<uint64_t> position = seek(0, kSeekCurrent);
  into->value = position.is_error() ? 0 : position.value();
  return {};
}

Result<size_t> RegularFile::read(IoBuffer& buffer) {
  MutexGuard guard(position_mutex_);
  Result<size_t> done = regular_->read_at(buffer, position_);
  if (done.is_error()) return done;
  position_ += done.value();
  if (done.value() != 0) {
    if (!(status_flags() & kOpenNoAccessTime)) regular_->touch_access();
    notify_inode(regular_, kNotifyAccess);
  }
  return done;
}

Result<size_t> RegularFile::write(IoBuffer& buffer) {
  MutexGuard guard(position_mutex_);
  Result<size_t> done = regular_->write_at(buffer, &position_, (status_flags() & kOpenAppend) != 0);
  if (!done.is_error() && done.value() != 0) notify_inode(regular_, kNotifyModify);
  return done;
}

Result<size_t> RegularFile::read_at(IoBuffer& buffer, uint64_t offset) {
  Result<size_t> done = regular_->read_at(buffer, offset);
  if (!done.is_error() && done.value() != 0) {
    if (!(status_flags() & kOpenNoAccessTime)) regular_->touch_access();
    notify_inode(regular_, kNotifyAccess);
  }
  return done;
}

Result<size_t> RegularFile::write_at(IoBuffer& buffer, uint64_t offset) {
  // pwrite(2), BUGS: with O_APPEND Linux appends whatever the offset.
  Result<size_t> done = regular_->write_at(buffer, &offset, (status_flags() & kOpenAppend) != 0);
  if (!done.is_error() && done.value() != 0) notify_inode(regular_, kNotifyModify);
  return done;
}

Result<uint64_t> RegularFile::seek(int64_t offset, int whence) {
  MutexGuard guard(position_mutex_);
  Result<uint64_t> position = Errno::Invalid;
  if (whence == kSeekData || whence == kSeekHole) {
    if (offset < 0) return Errno::NoDeviceOrAddress;
    position = whence == kSeekData ? regular_->find_data(static_cast<uint64_t>(offset))
                                   : regular_->find_hole(static_cast<uint64_t>(offset));
  } else {
    position = seek_position(position_, regular_->size(), offset, whence);
  }
  if (!position.is_error()) position_ = position.value();
  return position;
}

Result<uint64_t> RegularFile::ioctl(uint32_t request, uint64_t argument) {
  if (request != kIoctlBytesReadable) return Errno::NotTerminal;
  MutexGuard guard(position_mutex_);
  const uint64_t size = regular_->size();
  const uint64_t left = size > position_ ? size - position_ : 0;
  Result<void> written =
      UserPtr<int>(argument).write(static_cast<int>(min_of<uint64_t>(left, INT32_MAX)));
  if (written.is_error()) return written.error();
  return static_cast<uint64_t>(0);
}

Result<RefPtr<Mappable>> RegularFile::mappable(bool shared_writable) {
  if (shared_writable) {
    Result<void> begun = regular_->begin_shared_mapping();
    if (begun.is_error()) return begun.error();
  }
  return RefPtr<Mappable>(regular_);
}

Result<uint64_t> DirectoryFile::seek(int64_t offset, int whence) {
  MutexGuard guard(position_mutex_);
  if (whence == kSeekEnd) return Errno::Invalid;
  Result<uint64_t> position = seek_position(position_, 0, offset, whence);
  if (!position.is_error()) position_ = position.value();
  return position;
}

/// The entry at or after `cookie`, "." and ".." included. Tree mutex held.
bool DirectoryFile::item_at(uint64_t cookie, DirectoryInode::Item* item) {
  if (cookie >= 2) return directory_->next(cookie, item);
  item->cookie = cookie;
  item->type = kModeDirectory;
  RefPtr<DirectoryInode> parent = directory_->parent();
  item->number = cookie == 1 && parent ? parent->number() : directory_->number();
  memcpy(item->name, cookie == 0 ? "." : "..", cookie == 0 ? 2 : 3);
  return true;
}

Result<size_t> DirectoryFile::read_entries(uint64_t address, size_t size) {
  MutexGuard position_guard(position_mutex_);
  size_t used = 0;
  {
    TreeGuard guard;
    TreeDirectory* tree = directory_->as_tree();
    if (tree && tree->was_removed()) return Errno::NoEntry;
    DirectoryInode::Item item;
    uint64_t position = position_;
    while (item_at(position, &item)) {
      const size_t name_size = strlen(item.name) + 1;
      const size_t record_size = align_up(kRecordNameOffset + name_size, 8);
      if (record_size > size - used) {
        if (used == 0) return Errno::Invalid;
        break;
      }
      char record[kRecordNameOffset + 256 + 8] = {};
      const DirectoryRecord header = {item.number, static_cast<int64_t>(item.cookie + 1),
                                      static_cast<uint16_t>(record_size),
                                      static_cast<uint8_t>(item.type >> 12)};
      memcpy(record, &header, sizeof(header));
      memcpy(record + kRecordNameOffset, item.name, name_size);
      Result<void> copied = copy_to_user(address + used, record, record_size);
      if (copied.is_error()) {
        if (used == 0) return copied.error();
        break;
      }
      used += record_size;
      position = item.cookie + 1;
    }
    position_ = position;
  }
  if (!(status_flags() & kOpenNoAccessTime)) directory_->touch_access();
  return used;
}

}  // namespace runtime
