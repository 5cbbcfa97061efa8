#include "linux/fs/path.h"

#include "linux/fd_table.h"
#include "linux/fs/inode_file.h"
#include "linux/fs/notify.h"
#include "linux/fs/socket_inode.h"

namespace runtime {

namespace {

constexpr int kMaximumLinksFollowed = 40;  // path_resolution(7)

/// The text still to be walked: the caller's path, or link text joined with what followed it.
class Pending {
 public:
  explicit Pending(StringView path) : rest_(path) {}
  ~Pending() { deallocate(owned_); }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  bool is_empty() const { return rest_.is_empty(); }
  bool is_absolute() const { return !rest_.is_empty() && rest_[0] == '/'; }
  void skip_slashes() {
    while (is_absolute()) rest_ = rest_.from(1);
  }
  StringView take_name() {
    const StringView name = rest_.first(rest_.find('/'));
    rest_ = rest_.from(name.size);
    return name;
  }
  /// True when nothing but slashes follows.
  bool is_at_end() const {
    for (size_t i = 0; i < rest_.size; ++i) {
      if (rest_[i] != '/') return false;
    }
    return true;
  }
  /// Puts `text` in front of the rest. Errors: NoMemory, NameTooLong.
  Result<void> prepend(StringView text) {
    const size_t size = text.size + rest_.size;
    if (size > 2 * kPathMaximum) return Errno::NameTooLong;
    char* joined = static_cast<char*>(allocate(size ? size : 1));
    if (!joined) return Errno::NoMemory;
    memcpy(joined, text.data, text.size);
    memcpy(joined + text.size, rest_.data, rest_.size);  // starts with a slash unless empty
    deallocate(owned_);
    owned_ = joined;
    rest_ = StringView(joined, size);
    return {};
  }

 private:
  StringView rest_;
  char* owned_ = nullptr;
};

Result<void> parent_step(DirectoryInode* directory, DirectoryInode* base, uint32_t flags,
                         RefPtr<Inode>* current) {
  if (directory == base && (flags & kWalkBeneath)) return Errno::CrossDevice;
  if (directory == base && (flags & kWalkInRoot)) return {};
  RefPtr<DirectoryInode> parent = directory->parent();
  if (!parent) return Errno::NoEntry;
  *current = parent;
  return {};
}

}  // namespace

UserPath::~UserPath() { deallocate(long_); }

Result<void> UserPath::copy(UserString path) {
  Result<size_t> copied = copy_string_from_user(short_, path.address(), kShort);
  if (copied.is_error() && copied.error() == Errno::NameTooLong) {
    long_ = static_cast<char*>(allocate(kPathMaximum));
    if (!long_) return Errno::NoMemory;
    copied = copy_string_from_user(long_, path.address(), kPathMaximum);
  }
  if (copied.is_error()) return copied.error();
  size_ = copied.value();
  return {};
}

Result<void> walk_path(RefPtr<DirectoryInode> base, StringView path, uint32_t flags, Walk* walk) {
  if (path.is_empty()) return Errno::NoEntry;
  if (path.size >= kPathMaximum) return Errno::NameTooLong;
  RefPtr<DirectoryInode> top(root_directory().get());
  if (flags & kWalkInRoot) top = base;
  RefPtr<Inode> current = base;
  Pending pending(path);
  int links = 0;
  if (pending.is_absolute()) {
    if (flags & kWalkBeneath) return Errno::CrossDevice;
    current = top;
  }

  for (;;) {
    pending.skip_slashes();
    if (pending.is_empty()) {
      walk->inode = current;
      return {};
    }
    const StringView name = pending.take_name();
    const bool is_last = pending.is_at_end();
    const bool has_trailing_slash = is_last && !pending.is_empty();
    DirectoryInode* directory = current->as_directory();
    if (!directory) return Errno::NotDirectory;
    walk->parent = nullptr;

    if (name == ".") {
      walk->last = Walk::Last::Dot;
      continue;
    }
    if (name == "..") {
      walk->last = Walk::Last::DotDot;
      Result<void> stepped = parent_step(directory, base.get(), flags, &current);
      if (stepped.is_error()) return stepped;
      if ((flags & kWalkNoMounts) && &current->file_system() != &base->file_system()) {
        return Errno::CrossDevice;
      }
      continue;
    }
    if (has_trailing_slash && (flags & kWalkCreate)) return Errno::IsDirectory;
    if (name.size > kNameMaximum) return Errno::NameTooLong;

    Result<RefPtr<Inode>> found = directory->find(name);
    if (found.is_error() && (found.error() != Errno::NoEntry || !is_last)) return found.error();
    RefPtr<Inode> child;
    if (!found.is_error()) child = found.take();

    LinkInode* link = child ? child->as_link() : nullptr;
    const bool follows_last = !(flags & kWalkName) && (has_trailing_slash || (flags & kWalkFollow));
    if (link && (!is_last || follows_last)) {
      if (++links > kMaximumLinksFollowed || (flags & kWalkNoLinks)) return Errno::Loop;
      if (link->is_magic()) {
        if (flags & kWalkNoMagicLinks) return Errno::Loop;
        if (flags & (kWalkBeneath | kWalkInRoot)) return Errno::CrossDevice;
        RefPtr<Inode> target;
        Result<void> followed = link->follow(&target, is_last ? &walk->file : &walk->passed);
        if (followed.is_error()) return followed;
        if (!target && (!is_last || has_trailing_slash)) return Errno::NotDirectory;
        child = target;
      } else {
        Result<void> joined = pending.prepend(link->target());
        if (joined.is_error()) return joined;
        if (pending.is_empty()) return Errno::NoEntry;
        if (pending.is_absolute()) {
          if (flags & kWalkBeneath) return Errno::CrossDevice;
          current = top;
          walk->last = Walk::Last::Root;
        }
        continue;
      }
    }
    if (child && (flags & kWalkNoMounts) && &child->file_system() != &base->file_system()) {
      return Errno::CrossDevice;
    }
    if (is_last) {
      if (child && has_trailing_slash && !child->is_directory() && !(flags & kWalkName)) {
        return Errno::NotDirectory;
      }
      walk->last = Walk::Last::Name;
      walk->parent = RefPtr<DirectoryInode>(directory);
      memcpy(walk->name_data, name.data, name.size);
      walk->name_data[name.size] = 0;
      walk->name_size = name.size;
      walk->has_trailing_slash = has_trailing_slash;
      walk->inode = child;
      return {};
    }
    current = child;
  }
}

Result<RefPtr<DirectoryInode>> base_directory(int descriptor, StringView path) {
  if (descriptor == kAtCurrentDirectory || (!path.is_empty() && path[0] == '/')) {
    return working_directory();
  }
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (file.is_error()) return file.error();
  Inode* inode = file.value()->inode();
  DirectoryInode* directory = inode ? inode->as_directory() : nullptr;
  if (!directory) return Errno::NotDirectory;
  return RefPtr<DirectoryInode>(directory);
}

Result<void> find_target(int directory, UserString path, int flags, Target* target) {
  UserPath text;
  if (!((flags & kAtEmptyPath) && path.is_null())) {
    Result<void> copied = text.copy(path);
    if (copied.is_error()) return copied;
  }
  if (text.view().is_empty() && (flags & kAtEmptyPath)) {
    if (directory == kAtCurrentDirectory) {
      target->inode = working_directory();
      return {};
    }
    Result<RefPtr<File>> file = fd_get(directory);
    if (file.is_error()) return file.error();
    target->file = file.take();
    target->inode = RefPtr<Inode>(target->file->inode());
    return {};
  }
  Result<RefPtr<DirectoryInode>> base = base_directory(directory, text.view());
  if (base.is_error()) return base.error();
  Walk walk;
  {
    TreeGuard guard;
    Result<void> walked =
        walk_path(base.take(), text.view(), (flags & kAtNoFollow) ? 0 : kWalkFollow, &walk);
    if (walked.is_error()) return walked;
  }
  if (walk.is_missing()) return Errno::NoEntry;
  // A description that a magic link led through matters only when it has no inode.
  if (!walk.inode) target->file = move(walk.file);
  target->inode = move(walk.inode);
  return {};
}

Result<RefPtr<Inode>> find_inode(StringView path, bool follow_last_link) {
  Walk walk;
  TreeGuard guard;
  Result<void> walked =
      walk_path(working_directory(), path, follow_last_link ? kWalkFollow : 0, &walk);
  if (walked.is_error()) return walked.error();
  if (!walk.inode) return Errno::NoEntry;
  return walk.inode;
}

Result<RefPtr<Inode>> create_socket_inode(StringView path, uint32_t permissions,
                                          RefPtr<RefCounted> binding) {
  Walk walk;
  TreeGuard guard;
  Result<void> walked = walk_path(working_directory(), path, kWalkName, &walk);
  if (walked.is_error()) return walked.error();
  if (!walk.is_missing() || walk.last != Walk::Last::Name) return Errno::AddressInUse;
  if (walk.has_trailing_slash) return Errno::NoEntry;
  SpecialInode* made = new SpecialInode(walk.parent->file_system(),
                                        kModeSocket | (permissions & ~creation_mask() & 0777));
  if (!made) return Errno::NoMemory;
  RefPtr<Inode> inode = RefPtr<SpecialInode>::adopt(made);
  inode->set_binding(move(binding));
  Result<void> linked = link_inode(walk.parent.get(), walk.name(), inode);
  if (linked.is_error()) return linked.error();
  return inode;
}

Result<RefPtr<Inode>> find_socket_inode(StringView path) {
  Result<RefPtr<Inode>> found = find_inode(path, true);
  if (found.is_error()) return found;
  if (found.value()->type() != kModeSocket) return Errno::ConnectionRefused;
  return found;
}

}  // namespace runtime
