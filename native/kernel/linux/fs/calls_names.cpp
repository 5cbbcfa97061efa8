// Names: link, unlink, symlink, rename.
#include "linux/fs/notify.h"
#include "linux/fs/path.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

constexpr uint32_t kRenameNoReplace = 1;
constexpr uint32_t kRenameExchange = 2;
constexpr uint32_t kRenameWhiteout = 4;

/// One path of a two-path call: the text, where it starts and where it leads.
struct Place {
  UserPath text;
  RefPtr<DirectoryInode> base;
  Walk walk;

  Result<void> copy(int descriptor, UserString path) {
    Result<void> copied = text.copy(path);
    if (copied.is_error()) return copied;
    Result<RefPtr<DirectoryInode>> start = base_directory(descriptor, text.view());
    if (start.is_error()) return start.error();
    base = start.take();
    return {};
  }
  /// Tree mutex held.
  Result<void> find() { return walk_path(base, text.view(), kWalkName, &walk); }
  DirectoryInode* parent() { return walk.parent.get(); }
  Inode* inode() { return walk.inode.get(); }
};

/// True when `directory` is `ancestor` or lies below it.
bool is_below(DirectoryInode* directory, Inode* ancestor) {
  RefPtr<DirectoryInode> at(directory);
  while (at) {
    if (at.get() == ancestor) return true;
    RefPtr<DirectoryInode> parent = at->parent();
    if (parent == at) return false;
    at = parent;
  }
  return false;
}

Result<uint64_t> symlink_call(UserString target, int descriptor, UserString path) {
  UserPath text;
  Result<void> copied = text.copy(target);
  if (copied.is_error()) return copied.error();
  if (text.view().is_empty()) return Errno::NoEntry;
  Place place;
  copied = place.copy(descriptor, path);
  if (copied.is_error()) return copied.error();
  TreeGuard guard;
  Result<void> found = place.find();
  if (found.is_error()) return found.error();
  if (!place.walk.is_missing()) return Errno::Exists;
  if (place.walk.has_trailing_slash) return Errno::NoEntry;
  Result<TreeDirectory*> parent = changeable_directory(place.parent());
  if (parent.is_error()) return parent.error();
  LinkInode* made = new LinkInode(place.parent()->file_system());
  if (!made) return Errno::NoMemory;
  RefPtr<LinkInode> link = RefPtr<LinkInode>::adopt(made);
  Result<void> set = link->set_target(text.view());
  if (set.is_error()) return set.error();
  Result<void> linked = link_inode(place.parent(), place.walk.name(), link);
  if (linked.is_error()) return linked.error();
  return static_cast<uint64_t>(0);
}

Result<uint64_t> link_call(int existing_directory, UserString existing, int descriptor,
                           UserString path, int flags) {
  if (flags & ~(kAtFollow | kAtEmptyPath)) return Errno::Invalid;
  Target target;
  const int find_flags = (flags & kAtEmptyPath) | ((flags & kAtFollow) ? 0 : kAtNoFollow);
  Result<void> found = find_target(existing_directory, existing, find_flags, &target);
  if (found.is_error()) return found.error();
  if (!target.inode) return Errno::CrossDevice;
  Place place;
  Result<void> copied = place.copy(descriptor, path);
  if (copied.is_error()) return copied.error();
  TreeGuard guard;
  found = place.find();
  if (found.is_error()) return found.error();
  if (!place.walk.is_missing()) return Errno::Exists;
  if (place.walk.has_trailing_slash) return Errno::NoEntry;
  Result<TreeDirectory*> parent = changeable_directory(place.parent());
  if (parent.is_error()) return parent.error();
  if (&target.inode->file_system() != &place.parent()->file_system()) return Errno::CrossDevice;
  if (target.inode->is_directory()) return Errno::Perm;
  if (target.inode->link_count() == 0) {
    // Removed for good, unless it was made by O_TMPFILE to get a name later.
    RegularInode* regular = target.inode->as_regular();
    if (!regular || !regular->is_linkable()) return Errno::NoEntry;
  }
  Result<void> linked = link_inode(place.parent(), place.walk.name(), target.inode);
  if (linked.is_error()) return linked.error();
  return static_cast<uint64_t>(0);
}

/// rename(2)'s checks that need both ends. Errors: as rename(2).
Result<void> check_rename(Place& from, Place& to, uint32_t flags) {
  Inode* moved = from.inode();
  Inode* target = to.inode();
  if (!moved) return Errno::NoEntry;
  if ((flags & kRenameExchange) && !target) return Errno::NoEntry;
  if (!moved->is_directory()) {
    if (from.walk.has_trailing_slash) return Errno::NotDirectory;
    if (to.walk.has_trailing_slash && !(flags & kRenameExchange)) return Errno::NotDirectory;
  }
  if (moved->is_directory() && is_below(to.parent(), moved)) return Errno::Invalid;
  if (target && target->is_directory() && is_below(from.parent(), target)) {
    return (flags & kRenameExchange) ? Errno::Invalid : Errno::NotEmpty;
  }
  if (target && (flags & kRenameNoReplace)) return Errno::Exists;
  if (moved == target) return {};  // nothing will change
  if (is_mount_point(moved) || (target && is_mount_point(target))) return Errno::Busy;
  if (!target || (flags & kRenameExchange)) return {};
  if (moved->is_directory() && !target->is_directory()) return Errno::NotDirectory;
  if (!moved->is_directory() && target->is_directory()) return Errno::IsDirectory;
  if (target->is_directory()) {
    TreeDirectory* tree = target->as_directory()->as_tree();
    if (!tree || !tree->is_empty()) return Errno::NotEmpty;
  }
  return {};
}

void tell_moved(Place& from, Place& to, Inode* moved) {
  const uint32_t cookie = new_rename_cookie();
  notify_entry(from.parent(), from.walk.name(), moved, kNotifyMovedFrom, cookie);
  notify_entry(to.parent(), to.walk.name(), moved, kNotifyMovedTo, cookie);
  notify_self(moved, kNotifyMoveSelf);
}

/// Both names exist: they swap what they refer to.
Result<void> exchange(Place& from, Place& to, TreeDirectory* source, TreeDirectory* goal) {
  // Each inode is taken off its name before the other gets it: a name refers to one at a time.
  Result<void> replaced = source->replace(from.walk.name(), to.walk.inode);
  if (!replaced.is_error()) replaced = goal->replace(to.walk.name(), from.walk.inode);
  if (replaced.is_error()) return replaced;
  from.inode()->touch(false);
  to.inode()->touch(false);
  tell_moved(from, to, from.inode());
  tell_moved(to, from, to.inode());
  return {};
}

Result<void> move_name(Place& from, Place& to, TreeDirectory* source, TreeDirectory* goal) {
  RefPtr<Inode> moved = from.walk.inode;
  if (to.inode()) {
    // The name changes hands in one step: it never fails to exist.
    RefPtr<Inode> victim = to.walk.inode;
    if (victim->reference_count() > 3 && (victim->is_directory() || victim->link_count() == 1)) {
      PathBuffer path;
      if (path.data()) {
        const size_t size = tree_path(victim.get(), path.data(), kPathMaximum);
        victim->set_former_path(StringView(path.data(), size));
      }
    }
    Result<void> replaced = goal->replace(to.walk.name(), moved);
    if (replaced.is_error()) return replaced;
    if (victim->is_directory()) {
      victim->as_directory()->as_tree()->mark_removed();
      victim->with_attributes([](InodeAttributes& attributes) { attributes.links = 0; });
    }
    victim->touch(false);
    if (!victim->is_directory()) notify_self(victim.get(), kNotifyAttributes);
  } else {
    Result<void> added = goal->add(to.walk.name(), moved);
    if (added.is_error()) return added;
  }
  Result<void> removed = source->remove(from.walk.name());
  if (removed.is_error()) return removed;
  moved->touch(false);
  tell_moved(from, to, moved.get());
  return {};
}

Result<uint64_t> rename_call(int from_directory, UserString from_path, int to_directory,
                             UserString to_path, uint32_t flags) {
  if (flags & ~(kRenameNoReplace | kRenameExchange | kRenameWhiteout)) return Errno::Invalid;
  if (flags & kRenameWhiteout) return Errno::Invalid;  // no overlay to white out
  if ((flags & kRenameNoReplace) && (flags & kRenameExchange)) return Errno::Invalid;
  Place from;
  Place to;
  Result<void> result = from.copy(from_directory, from_path);
  if (!result.is_error()) result = to.copy(to_directory, to_path);
  if (result.is_error()) return result.error();

  TreeGuard guard;
  result = from.find();
  if (!result.is_error()) result = to.find();
  if (result.is_error()) return result.error();
  if (from.walk.last != Walk::Last::Name || to.walk.last != Walk::Last::Name) return Errno::Busy;
  if (&from.parent()->file_system() != &to.parent()->file_system()) return Errno::CrossDevice;
  result = check_rename(from, to, flags);
  if (result.is_error()) return result.error();
  Result<TreeDirectory*> source = changeable_directory(from.parent());
  if (source.is_error()) return source.error();
  Result<TreeDirectory*> goal = changeable_directory(to.parent());
  if (goal.is_error()) return goal.error();
  // rename(2): two names of one file stay as they are.
  if (from.inode() == to.inode()) return static_cast<uint64_t>(0);

  result = (flags & kRenameExchange) ? exchange(from, to, source.value(), goal.value())
                                     : move_name(from, to, source.value(), goal.value());
  if (result.is_error()) return result.error();
  source.value()->touch(true);
  if (goal.value() != source.value()) goal.value()->touch(true);
  return static_cast<uint64_t>(0);
}

}  // namespace

Result<uint64_t> sys_symlink(UserString target, UserString path) {
  return symlink_call(target, kAtCurrentDirectory, path);
}

Result<uint64_t> sys_symlinkat(UserString target, int directory, UserString path) {
  return symlink_call(target, directory, path);
}

Result<uint64_t> sys_link(UserString existing, UserString path) {
  return link_call(kAtCurrentDirectory, existing, kAtCurrentDirectory, path, 0);
}

Result<uint64_t> sys_linkat(int existing_directory, UserString existing, int directory,
                            UserString path, int flags) {
  return link_call(existing_directory, existing, directory, path, flags);
}

Result<uint64_t> sys_unlink(UserString path) {
  return remove_name(kAtCurrentDirectory, path, false);
}

Result<uint64_t> sys_unlinkat(int directory, UserString path, int flags) {
  if (flags & ~kAtRemoveDirectory) return Errno::Invalid;
  return remove_name(directory, path, (flags & kAtRemoveDirectory) != 0);
}

Result<uint64_t> sys_rename(UserString from, UserString to) {
  return rename_call(kAtCurrentDirectory, from, kAtCurrentDirectory, to, 0);
}

Result<uint64_t> sys_renameat(int from_directory, UserString from, int to_directory,
                              UserString to) {
  return rename_call(from_directory, from, to_directory, to, 0);
}

Result<uint64_t> sys_renameat2(int from_directory, UserString from, int to_directory, UserString to,
                               uint32_t flags) {
  return rename_call(from_directory, from, to_directory, to, flags);
}

}  // namespace runtime
