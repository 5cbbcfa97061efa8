#include "linux/fs/notify.h"

#include "sync/spinlock.h"

namespace runtime {

/// Reaches into Inode and InodeObserver. One lock guards all lists of observers: there are few.
struct InodeObservers {
  static ListNode& head(Inode* inode) { return inode->observers_; }
  static ListNode& node(InodeObserver* observer) { return observer->node_; }
  static InodeObserver* owner(ListNode* node) {
    const size_t offset =
        reinterpret_cast<size_t>(&reinterpret_cast<InodeObserver*>(4096)->node_) - 4096;
    return reinterpret_cast<InodeObserver*>(reinterpret_cast<char*>(node) - offset);
  }
};

namespace {

uint32_t registered = 0;
uint32_t last_cookie = 0;

SpinLock& observer_lock() {
  static SpinLock lock(LockRank::FileSystem);
  return lock;
}

bool nobody_watches() { return __atomic_load_n(&registered, __ATOMIC_ACQUIRE) == 0; }

void tell(Inode* watched, uint32_t events, uint32_t cookie, StringView name) {
  SpinGuard guard(observer_lock());
  ListNode& head = InodeObservers::head(watched);
  if (!head.next) return;
  for (ListNode* node = head.next; node != &head;) {
    ListNode* following = node->next;
    InodeObservers::owner(node)->inode_event(events, cookie, name);
    node = following;
  }
}

uint32_t with_type(Inode* subject, uint32_t events) {
  return subject->is_directory() ? events | kNotifyIsDirectory : events;
}

}  // namespace

void add_observer(Inode* inode, InodeObserver* observer) {
  SpinGuard guard(observer_lock());
  ListNode& head = InodeObservers::head(inode);
  if (!head.next) head.next = head.previous = &head;
  ListNode& node = InodeObservers::node(observer);
  node.next = &head;
  node.previous = head.previous;
  head.previous->next = &node;
  head.previous = &node;
  __atomic_add_fetch(&registered, 1, __ATOMIC_RELEASE);
}

void remove_observer(InodeObserver* observer) {
  SpinGuard guard(observer_lock());
  ListNode& node = InodeObservers::node(observer);
  if (!node.is_linked()) return;
  node.unlink();
  __atomic_sub_fetch(&registered, 1, __ATOMIC_RELEASE);
}

void notify_self(Inode* inode, uint32_t events) {
  if (nobody_watches()) return;
  tell(inode, with_type(inode, events), 0, StringView());
}

void notify_entry(Inode* directory, StringView name, Inode* subject, uint32_t events,
                  uint32_t cookie) {
  if (nobody_watches()) return;
  tell(directory, with_type(subject, events), cookie, name);
}

void notify_inode_locked(Inode* inode, uint32_t events) {
  if (nobody_watches()) return;
  DirectoryInode* parent = nullptr;
  StringView name;
  if (inode->locate(&parent, &name)) tell(parent, with_type(inode, events), 0, name);
  tell(inode, with_type(inode, events), 0, StringView());
}

void notify_inode(Inode* inode, uint32_t events) {
  if (nobody_watches()) return;
  TreeGuard guard;
  notify_inode_locked(inode, events);
}

uint32_t new_rename_cookie() { return __atomic_add_fetch(&last_cookie, 1, __ATOMIC_RELAXED); }

void tell_observers_inode_gone(Inode* inode) {
  if (nobody_watches()) return;
  tell(inode, kNotifyDeleteSelf, 0, StringView());
  SpinGuard guard(observer_lock());
  ListNode& head = InodeObservers::head(inode);
  while (head.next && head.next != &head) {
    InodeObserver* observer = InodeObservers::owner(head.next);
    head.next->unlink();
    __atomic_sub_fetch(&registered, 1, __ATOMIC_RELEASE);
    observer->inode_gone();
  }
}

}  // namespace runtime
