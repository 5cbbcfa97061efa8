// stat and its relatives, access, readlink, statfs.
#include "linux/fd_table.h"
#include "linux/fs/path.h"
#include "linux/system_calls.h"
#include "memory/frames.h"

namespace runtime {

namespace {

/// struct statx_timestamp, statx(2).
struct StatxTime {
  int64_t seconds;
  uint32_t nanoseconds;
  int32_t reserved;
};

/// struct statx, statx(2).
struct Statx {
  uint32_t mask;
  uint32_t block_size;
  uint64_t attributes;
  uint32_t links;
  uint32_t user;
  uint32_t group;
  uint16_t mode;
  uint16_t padding;
  uint64_t inode;
  uint64_t size;
  uint64_t blocks;
  uint64_t attributes_mask;
  StatxTime access_time;
  StatxTime birth_time;
  StatxTime change_time;
  StatxTime modify_time;
  uint32_t raw_device_major;
  uint32_t raw_device_minor;
  uint32_t device_major;
  uint32_t device_minor;
  uint64_t mount;
  uint32_t direct_memory_alignment;
  uint32_t direct_offset_alignment;
  uint64_t spare[12];
};
static_assert(sizeof(Statx) == 256, "struct statx is 256 bytes");
constexpr uint32_t kStatxBasic = 0x7ff;
constexpr uint32_t kStatxBirthTime = 0x800;
constexpr uint32_t kStatxMount = 0x1000;
constexpr uint32_t kStatxReserved = 0x80000000;
constexpr uint64_t kStatxMountRoot = 0x2000;
constexpr int kStatxSyncMask = 0x6000;  // AT_STATX_FORCE_SYNC, AT_STATX_DONT_SYNC

/// struct statfs on x86-64, statfs(2).
struct StatFs {
  int64_t type;
  int64_t block_size;
  uint64_t blocks;
  uint64_t blocks_free;
  uint64_t blocks_available;
  uint64_t files;
  uint64_t files_free;
  int32_t id[2];
  int64_t name_maximum;
  int64_t fragment_size;
  int64_t flags;
  int64_t spare[4];
};
static_assert(sizeof(StatFs) == 120, "struct statfs is 120 bytes on x86-64");
constexpr int64_t kStatFsReadOnly = 1;     // ST_RDONLY
constexpr int64_t kStatFsValid = 0x20;     // ST_VALID
constexpr uint64_t kBytesPerInode = 1024;  // what an inode with its name takes, roughly

constexpr int kAccessExecute = 1;
constexpr int kAccessWrite = 2;
constexpr int kAccessKnown = 7;
constexpr int kAtEffectiveAccess = 0x200;

uint32_t device_major(uint64_t device) { return static_cast<uint32_t>(device >> 8) & 0xfff; }
uint32_t device_minor(uint64_t device) { return static_cast<uint32_t>(device) & 0xff; }

StatxTime to_statx(const TimeSpec& time) {
  return StatxTime{time.seconds, static_cast<uint32_t>(time.nanoseconds), 0};
}

/// Inode first: a description of an inode and the inode itself say the same.
Result<void> stat_target(const Target& target, Stat* result) {
  if (target.inode) {
    target.inode->stat(result);
    return {};
  }
  return target.file->stat(result);
}

Result<uint64_t> stat_call(int directory, UserString path, UserPtr<Stat> result, int flags) {
  Target target;
  Result<void> found = find_target(directory, path, flags, &target);
  if (found.is_error()) return found.error();
  Stat stat;
  memset(&stat, 0, sizeof(stat));
  Result<void> filled = stat_target(target, &stat);
  if (filled.is_error()) return filled.error();
  Result<void> written = result.write(stat);
  if (written.is_error()) return written.error();
  return static_cast<uint64_t>(0);
}

Result<uint64_t> access_call(int directory, UserString path, int mode, int flags) {
  if (mode & ~kAccessKnown) return Errno::Invalid;
  if (flags & ~(kAtEffectiveAccess | kAtNoFollow | kAtEmptyPath)) return Errno::Invalid;
  Target target;
  Result<void> found = find_target(directory, path, flags, &target);
  if (found.is_error()) return found.error();
  if (!target.inode) return static_cast<uint64_t>(0);
  Inode* inode = target.inode.get();
  // Devices, sockets and fifos can be written on a read-only file system.
  const bool holds_content = inode->is_regular() || inode->is_directory() || inode->is_link();
  if ((mode & kAccessWrite) && holds_content) {
    Result<void> writable = check_writable(inode);
    if (writable.is_error()) return writable.error();
  }
  // The superuser may all, but executes only what has an execute bit.
  if ((mode & kAccessExecute) && !inode->is_directory() && !(inode->permissions() & 0111)) {
    return Errno::Access;
  }
  return static_cast<uint64_t>(0);
}

Result<uint64_t> readlink_call(int directory, UserString path, UserPtr<char> buffer,
                               uint64_t size) {
  if (static_cast<int64_t>(size) <= 0) return Errno::Invalid;
  Target target;
  Result<void> found = find_target(directory, path, kAtNoFollow | kAtEmptyPath, &target);
  if (found.is_error()) return found.error();
  // readlinkat(2): an empty path works for a descriptor of a link only, and is ENOENT otherwise.
  const bool is_description = static_cast<bool>(target.file);
  LinkInode* link = target.inode ? target.inode->as_link() : nullptr;
  if (!link) return is_description ? Errno::NoEntry : Errno::Invalid;
  PathBuffer text;
  if (!text.data()) return Errno::NoMemory;
  Result<size_t> length = link->read_target(text.data(), kPathMaximum);
  if (length.is_error()) return length.error();
  link->touch_access();
  const uint64_t count = min_of<uint64_t>(length.value(), size);
  Result<void> copied = copy_to_user(buffer.address(), text.data(), count);
  if (copied.is_error()) return copied.error();
  return count;
}

Result<uint64_t> write_statfs(Inode* inode, UserPtr<void> result) {
  StatFs figures;
  memset(&figures, 0, sizeof(figures));
  FileSystem& file_system = inode ? inode->file_system() : file_systems().root;
  figures.type = file_system.magic;
  figures.block_size = figures.fragment_size = kPageSize;
  figures.name_maximum = kNameMaximum;
  figures.id[0] = static_cast<int32_t>(file_system.minor);
  figures.flags = kStatFsValid | (file_system.is_read_only ? kStatFsReadOnly : 0);
  const FrameStatistics frames = frame_statistics();
  if (&file_system == &file_systems().root) figures.blocks = frames.image / kPageSize;
  if (!file_system.is_read_only && !file_system.is_pseudo) {
    figures.blocks_free = figures.blocks_available = file_bytes_free() / kPageSize;
    figures.blocks += figures.blocks_free + file_bytes() / kPageSize;
    figures.files_free = file_bytes_free() / kBytesPerInode;
    figures.files = figures.files_free + file_system.next_inode;
  }
  Result<void> written = result.cast<StatFs>().write(figures);
  if (written.is_error()) return written.error();
  return static_cast<uint64_t>(0);
}

}  // namespace

Result<uint64_t> sys_stat(UserString path, UserPtr<Stat> result) {
  return stat_call(kAtCurrentDirectory, path, result, 0);
}

Result<uint64_t> sys_lstat(UserString path, UserPtr<Stat> result) {
  return stat_call(kAtCurrentDirectory, path, result, kAtNoFollow);
}

Result<uint64_t> sys_newfstatat(int directory, UserString path, UserPtr<Stat> result, int flags) {
  if (flags & ~(kAtNoFollow | kAtEmptyPath | kAtNoAutomount | kStatxSyncMask)) {
    return Errno::Invalid;
  }
  return stat_call(directory, path, result, flags);
}

Result<uint64_t> sys_fstat(int descriptor, UserPtr<Stat> result) {
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (file.is_error()) return file.error();
  Stat stat;
  memset(&stat, 0, sizeof(stat));
  Result<void> filled = file.value()->stat(&stat);
  if (filled.is_error()) return filled.error();
  Result<void> written = result.write(stat);
  if (written.is_error()) return written.error();
  return static_cast<uint64_t>(0);
}

Result<uint64_t> sys_statx(int directory, UserString path, int flags, uint32_t mask,
                           UserPtr<void> result) {
  if (mask & kStatxReserved) return Errno::Invalid;
  if ((flags & kStatxSyncMask) == kStatxSyncMask) return Errno::Invalid;
  if (flags & ~(kAtNoFollow | kAtEmptyPath | kAtNoAutomount | kStatxSyncMask)) {
    return Errno::Invalid;
  }
  Target target;
  Result<void> found = find_target(directory, path, flags, &target);
  if (found.is_error()) return found.error();
  Stat stat;
  memset(&stat, 0, sizeof(stat));
  Result<void> filled = stat_target(target, &stat);
  if (filled.is_error()) return filled.error();

  Statx wide;
  memset(&wide, 0, sizeof(wide));
  wide.mask = kStatxBasic;
  wide.block_size = static_cast<uint32_t>(stat.block_size);
  wide.links = static_cast<uint32_t>(stat.links);
  wide.user = stat.user;
  wide.group = stat.group;
  wide.mode = static_cast<uint16_t>(stat.mode);
  wide.inode = stat.inode;
  wide.size = static_cast<uint64_t>(stat.size);
  wide.blocks = static_cast<uint64_t>(stat.blocks);
  wide.access_time = to_statx(stat.access_time);
  wide.change_time = to_statx(stat.change_time);
  wide.modify_time = to_statx(stat.modify_time);
  wide.raw_device_major = device_major(stat.raw_device);
  wide.raw_device_minor = device_minor(stat.raw_device);
  wide.device_major = device_major(stat.device);
  wide.device_minor = device_minor(stat.device);
  if (target.inode) {
    wide.mask |= kStatxBirthTime | kStatxMount;
    wide.birth_time = to_statx(target.inode->birth_time());
    wide.mount = target.inode->file_system().minor;
    wide.attributes_mask = kStatxMountRoot;
    TreeGuard guard;
    if (is_mount_point(target.inode.get())) wide.attributes = kStatxMountRoot;
  }
  Result<void> written = result.cast<Statx>().write(wide);
  if (written.is_error()) return written.error();
  return static_cast<uint64_t>(0);
}

Result<uint64_t> sys_access(UserString path, int mode) {
  return access_call(kAtCurrentDirectory, path, mode, 0);
}

Result<uint64_t> sys_faccessat(int directory, UserString path, int mode) {
  return access_call(directory, path, mode, 0);
}

Result<uint64_t> sys_faccessat2(int directory, UserString path, int mode, int flags) {
  return access_call(directory, path, mode, flags);
}

Result<uint64_t> sys_readlink(UserString path, UserPtr<char> buffer, uint64_t size) {
  return readlink_call(kAtCurrentDirectory, path, buffer, size);
}

Result<uint64_t> sys_readlinkat(int directory, UserString path, UserPtr<char> buffer,
                                uint64_t size) {
  return readlink_call(directory, path, buffer, size);
}

Result<uint64_t> sys_statfs(UserString path, UserPtr<void> result) {
  Target target;
  Result<void> found = find_target(kAtCurrentDirectory, path, 0, &target);
  if (found.is_error()) return found.error();
  return write_statfs(target.inode.get(), result);
}

Result<uint64_t> sys_fstatfs(int descriptor, UserPtr<void> result) {
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (file.is_error()) return file.error();
  return write_statfs(file.value()->inode(), result);
}

}  // namespace runtime
