#include "linux/fs/inode.h"

#include "lib/format.h"
#include "linux/fs/inode_file.h"
#include "linux/fs/locks.h"
#include "linux/fs/notify.h"
#include "linux/fs/socket_inode.h"
#include "linux/fs/tree.h"
#include "time/clock.h"

namespace runtime {

namespace {

constexpr int64_t kSecondsPerDay = 24 * 60 * 60;

bool is_before(const TimeSpec& a, const TimeSpec& b) {
  return a.seconds != b.seconds ? a.seconds < b.seconds : a.nanoseconds < b.nanoseconds;
}

uint64_t take_number(FileSystem& file_system) {
  return __atomic_fetch_add(&file_system.next_inode, 1, __ATOMIC_RELAXED);
}

FifoOpener fifo_opener = nullptr;

/// Stands for the time of boot in nodes that are made before the clocks run.
constexpr int64_t kAtBoot = INT64_MIN;

TimeSpec resolve_time(const TimeSpec& time) {
  if (time.seconds != kAtBoot) return time;
  const uint64_t boot = wall_clock_nanoseconds() - monotonic_nanoseconds();
  return TimeSpec{static_cast<int64_t>(boot / kNanosecondsPerSecond), 0};
}

}  // namespace

TimeSpec current_time() {
  const uint64_t now = wall_clock_nanoseconds();
  if (now == 0) return TimeSpec{kAtBoot, 0};
  return TimeSpec{static_cast<int64_t>(now / kNanosecondsPerSecond),
                  static_cast<int64_t>(now % kNanosecondsPerSecond)};
}

Inode::Inode(FileSystem& file_system, uint32_t mode, uint64_t number)
    : file_system_(file_system),
      number_(number ? number : take_number(file_system)),
      type_(mode & kModeTypeMask),
      attributes_(LockRank::FileSystem),
      binding_(LockRank::FileSystem) {
  const TimeSpec now = current_time();
  attributes_.with([&](InodeAttributes& attributes) {
    attributes.permissions = mode & 07777;
    attributes.links = (mode & kModeTypeMask) == kModeDirectory ? 2 : 0;
    attributes.access_time = attributes.modify_time = now;
    attributes.change_time = attributes.birth_time = now;
  });
}

Inode::~Inode() {
  tell_observers_inode_gone(this);
  drop_all_locks(this);
}

Result<RefPtr<File>> Inode::open(int flags) {
  (void)flags;
  return Errno::NoDeviceOrAddress;
}

Result<PhysAddr> Inode::map_page(uint64_t index, bool for_write) {
  (void)index;
  (void)for_write;
  return Errno::Range;
}

void Inode::stat(Stat* result) {
  memset(result, 0, sizeof(*result));
  result->device = file_system_.minor;
  result->inode = number_;
  result->raw_device = raw_device();
  result->size = static_cast<int64_t>(size());
  result->block_size = kPageSize;
  result->blocks = static_cast<int64_t>(allocated_bytes() / 512);
  attributes_.with([&](InodeAttributes& attributes) {
    result->mode = type_ | attributes.permissions;
    result->user = attributes.user;
    result->group = attributes.group;
    result->links = attributes.links;
    result->access_time = resolve_time(attributes.access_time);
    result->modify_time = resolve_time(attributes.modify_time);
    result->change_time = resolve_time(attributes.change_time);
  });
}

TimeSpec Inode::birth_time() {
  return resolve_time(
      attributes_.with([](InodeAttributes& attributes) { return attributes.birth_time; }));
}

uint32_t Inode::permissions() {
  return attributes_.with([](InodeAttributes& attributes) { return attributes.permissions; });
}

uint64_t Inode::link_count() {
  return attributes_.with([](InodeAttributes& attributes) { return attributes.links; });
}

void Inode::touch(bool content) {
  const TimeSpec now = current_time();
  attributes_.with([&](InodeAttributes& attributes) {
    attributes.change_time = now;
    if (content) attributes.modify_time = now;
  });
}

void Inode::touch_access() {
  if (file_system_.is_read_only || file_system_.is_pseudo) return;
  const TimeSpec now = current_time();
  attributes_.with([&](InodeAttributes& attributes) {
    const bool is_stale = !is_before(attributes.modify_time, attributes.access_time) ||
                          !is_before(attributes.change_time, attributes.access_time) ||
                          attributes.access_time.seconds + kSecondsPerDay <= now.seconds;
    if (is_stale) attributes.access_time = now;
  });
}

bool Inode::locate(DirectoryInode** parent, StringView* name) {
  DirectoryEntry* entry = names_.front();
  if (!entry) return false;
  *parent = entry->directory;
  *name = entry->name.view();
  return true;
}

RefPtr<RefCounted> Inode::binding() {
  return binding_.with([](RefPtr<RefCounted>& binding) { return binding; });
}

void Inode::set_binding(RefPtr<RefCounted> binding) {
  // Swapped out, so that what was bound goes away outside the lock.
  binding_.with([&](RefPtr<RefCounted>& slot) { swap_values(slot, binding); });
}

Result<RefPtr<File>> DirectoryInode::open(int flags) {
  DirectoryFile* file = new DirectoryFile(RefPtr<DirectoryInode>(this), flags);
  if (!file) return Errno::NoMemory;
  return RefPtr<File>(RefPtr<DirectoryFile>::adopt(file));
}

RefPtr<DirectoryInode> DirectoryInode::parent() {
  if (this == root_directory().get()) return RefPtr<DirectoryInode>(this);
  DirectoryInode* parent = nullptr;
  StringView name;
  if (!locate(&parent, &name)) return nullptr;
  return RefPtr<DirectoryInode>(parent);
}

Result<size_t> LinkInode::read_target(char* buffer, size_t capacity) {
  const StringView text = target_.view();
  const size_t size = min_of(text.size, capacity);
  memcpy(buffer, text.data, size);
  return size;
}

void set_fifo_opener(FifoOpener opener) { fifo_opener = opener; }

Result<RefPtr<File>> SpecialInode::open(int flags) {
  if (type() == kModeFifo && fifo_opener) return fifo_opener(this, flags);
  return Errno::NoDeviceOrAddress;
}

}  // namespace runtime
