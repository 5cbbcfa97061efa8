// Telling who watches an inode what happens to it: what inotify(7) is made of.
#pragma once

#include "lib/list.h"
#include "lib/string.h"
#include "linux/fs/inode.h"

namespace runtime {

// Event bits, as in inotify(7).
constexpr uint32_t kNotifyAccess = 0x001;
constexpr uint32_t kNotifyModify = 0x002;
constexpr uint32_t kNotifyAttributes = 0x004;
constexpr uint32_t kNotifyCloseWrite = 0x008;
constexpr uint32_t kNotifyCloseNoWrite = 0x010;
constexpr uint32_t kNotifyOpen = 0x020;
constexpr uint32_t kNotifyMovedFrom = 0x040;
constexpr uint32_t kNotifyMovedTo = 0x080;
constexpr uint32_t kNotifyCreate = 0x100;
constexpr uint32_t kNotifyDelete = 0x200;
constexpr uint32_t kNotifyDeleteSelf = 0x400;
constexpr uint32_t kNotifyMoveSelf = 0x800;
constexpr uint32_t kNotifyIsDirectory = 0x40000000;

/// Somebody who watches one inode. Derive from it; it must be removed before it goes away.
class InodeObserver {
 public:
  InodeObserver() = default;
  InodeObserver(const InodeObserver&) = delete;
  InodeObserver& operator=(const InodeObserver&) = delete;

  /// Something happened to the watched inode (`name` is empty) or, when it is a directory, to the
  /// entry `name` in it. `events` is one event bit, with kNotifyIsDirectory when the subject is a
  /// directory. `cookie` pairs kNotifyMovedFrom with kNotifyMovedTo, else 0. Called under a
  /// spinlock of rank FileSystem: must not block nor call the file system; it may allocate, take
  /// locks of rank Pipe and above and wake queues.
  virtual void inode_event(uint32_t events, uint32_t cookie, StringView name) = 0;
  /// The inode is going away; the observer is no longer registered (inotify's IN_IGNORED). Comes
  /// after kNotifyDeleteSelf. Same rules as inode_event.
  virtual void inode_gone() = 0;

 protected:
  ~InodeObserver() = default;

 private:
  friend struct InodeObservers;
  ListNode node_;
};

/// Registers `observer` with `inode`. Keeps no reference: a watched inode can go away.
void add_observer(Inode* inode, InodeObserver* observer);
/// Ends the registration; afterwards no call is under way. Does nothing when there is none.
void remove_observer(InodeObserver* observer);
/// The inode at `path` (relative paths start at the working directory), for inotify_add_watch.
/// Errors: as path_resolution(7).
Result<RefPtr<Inode>> find_inode(StringView path, bool follow_last_link);

// The file system's side.

/// `events` happened to `inode`: tells its observers and those of the directory it is in. Takes
/// the tree mutex when somebody watches, so it must not be held.
void notify_inode(Inode* inode, uint32_t events);
/// As notify_inode, with the tree mutex held.
void notify_inode_locked(Inode* inode, uint32_t events);
/// `events` happened to the entry `name` of `directory`, which refers to `subject`.
void notify_entry(Inode* directory, StringView name, Inode* subject, uint32_t events,
                  uint32_t cookie = 0);
/// `events` happened to `inode` itself; the directory it is in is not told.
void notify_self(Inode* inode, uint32_t events);
/// Called by the inode's destructor: kNotifyDeleteSelf, then `inode_gone`, to every observer.
void tell_observers_inode_gone(Inode* inode);
/// A fresh number that pairs the two events of a rename.
uint32_t new_rename_cookie();

}  // namespace runtime
