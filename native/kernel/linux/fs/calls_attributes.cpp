// Attributes: chmod, chown, utimensat, umask.
#include "linux/fd_table.h"
#include "linux/fs/notify.h"
#include "linux/fs/path.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

constexpr uint32_t kUnchanged = UINT32_MAX;  // chown(2): -1 leaves an id as it is
constexpr int64_t kTimeNow = 0x3fffffff;     // UTIME_NOW
constexpr int64_t kTimeOmit = 0x3ffffffe;    // UTIME_OMIT
constexpr uint32_t kSetUser = 04000;
constexpr uint32_t kSetGroup = 02000;

/// What f*(2) calls on a descriptor work on. Errors: BadFile for O_PATH.
Result<Target> descriptor_target(int descriptor) {
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (file.is_error()) return file.error();
  if (file.value()->status_flags() & kOpenPath) return Errno::BadFile;
  Target target;
  target.file = file.take();
  target.inode = RefPtr<Inode>(target.file->inode());
  return target;
}

/// The inode whose attributes may change. Errors: ReadOnly; Perm for descriptions without one.
Result<Inode*> changeable(const Target& target) {
  if (!target.inode) return Errno::Perm;
  Result<void> writable = check_writable(target.inode.get());
  if (writable.is_error()) return writable.error();
  if (target.inode->file_system().is_pseudo) return Errno::Perm;
  return target.inode.get();
}

Result<uint64_t> done(Inode* inode) {
  inode->touch(false);
  notify_inode(inode, kNotifyAttributes);
  return static_cast<uint64_t>(0);
}

Result<uint64_t> change_mode(const Target& target, uint32_t mode) {
  Result<Inode*> inode = changeable(target);
  if (inode.is_error()) return inode.error();
  inode.value()->with_attributes(
      [&](InodeAttributes& attributes) { attributes.permissions = mode & 07777; });
  return done(inode.value());
}

Result<uint64_t> change_owner(const Target& target, uint32_t user, uint32_t group) {
  Result<Inode*> inode = changeable(target);
  if (inode.is_error()) return inode.error();
  const bool is_executable_file = inode.value()->is_regular();
  inode.value()->with_attributes([&](InodeAttributes& attributes) {
    if (user != kUnchanged) attributes.user = user;
    if (group != kUnchanged) attributes.group = group;
    // chown(2): the set-id bits go, even for the superuser, when the file is executable.
    if (is_executable_file && (attributes.permissions & 0111)) {
      attributes.permissions &= ~kSetUser;
      if (attributes.permissions & 010) attributes.permissions &= ~kSetGroup;
    }
  });
  return done(inode.value());
}

Result<uint64_t> chown_path(int directory, UserString path, uint32_t user, uint32_t group,
                            int flags) {
  if (flags & ~(kAtNoFollow | kAtEmptyPath)) return Errno::Invalid;
  Target target;
  Result<void> found = find_target(directory, path, flags, &target);
  if (found.is_error()) return found.error();
  return change_owner(target, user, group);
}

Result<uint64_t> chmod_path(int directory, UserString path, uint32_t mode) {
  Target target;
  Result<void> found = find_target(directory, path, 0, &target);
  if (found.is_error()) return found.error();
  return change_mode(target, mode);
}

bool is_valid_time(const TimeSpec& time) {
  return time.nanoseconds == kTimeNow || time.nanoseconds == kTimeOmit ||
         (time.nanoseconds >= 0 && time.nanoseconds < 1000000000);
}

void set_time(TimeSpec* time, const TimeSpec& wanted, const TimeSpec& now) {
  if (wanted.nanoseconds == kTimeOmit) return;
  *time = wanted.nanoseconds == kTimeNow ? now : wanted;
}

}  // namespace

Result<uint64_t> sys_chmod(UserString path, uint32_t mode) {
  return chmod_path(kAtCurrentDirectory, path, mode);
}

Result<uint64_t> sys_fchmodat(int directory, UserString path, uint32_t mode) {
  return chmod_path(directory, path, mode);
}

Result<uint64_t> sys_fchmod(int descriptor, uint32_t mode) {
  Result<Target> target = descriptor_target(descriptor);
  if (target.is_error()) return target.error();
  return change_mode(target.value(), mode);
}

Result<uint64_t> sys_chown(UserString path, uint32_t user, uint32_t group) {
  return chown_path(kAtCurrentDirectory, path, user, group, 0);
}

Result<uint64_t> sys_lchown(UserString path, uint32_t user, uint32_t group) {
  return chown_path(kAtCurrentDirectory, path, user, group, kAtNoFollow);
}

Result<uint64_t> sys_fchownat(int directory, UserString path, uint32_t user, uint32_t group,
                              int flags) {
  return chown_path(directory, path, user, group, flags);
}

Result<uint64_t> sys_fchown(int descriptor, uint32_t user, uint32_t group) {
  Result<Target> target = descriptor_target(descriptor);
  if (target.is_error()) return target.error();
  return change_owner(target.value(), user, group);
}

Result<uint64_t> sys_umask(uint32_t mask) { return static_cast<uint64_t>(set_creation_mask(mask)); }

Result<uint64_t> sys_utimensat(int directory, UserString path, UserPtr<TimeSpec> times, int flags) {
  if (flags & ~(kAtNoFollow | kAtEmptyPath)) return Errno::Invalid;
  TimeSpec wanted[2] = {{0, kTimeNow}, {0, kTimeNow}};
  if (times) {
    Result<void> read = times.read_array(wanted, 2);
    if (read.is_error()) return read.error();
    if (!is_valid_time(wanted[0]) || !is_valid_time(wanted[1])) return Errno::Invalid;
    if (wanted[0].nanoseconds == kTimeOmit && wanted[1].nanoseconds == kTimeOmit) {
      return static_cast<uint64_t>(0);
    }
  }
  Target target;
  if (path.is_null()) {
    // futimens(3): a null path means the descriptor itself.
    if (directory == kAtCurrentDirectory) return Errno::Fault;
    if (flags & kAtNoFollow) return Errno::Invalid;
    Result<Target> described = descriptor_target(directory);
    if (described.is_error()) return described.error();
    target = described.take();
  } else {
    Result<void> found = find_target(directory, path, flags, &target);
    if (found.is_error()) return found.error();
  }
  Result<Inode*> inode = changeable(target);
  if (inode.is_error()) return inode.error();
  const TimeSpec now = current_time();
  inode.value()->with_attributes([&](InodeAttributes& attributes) {
    set_time(&attributes.access_time, wanted[0], now);
    set_time(&attributes.modify_time, wanted[1], now);
  });
  return done(inode.value());
}

}  // namespace runtime
