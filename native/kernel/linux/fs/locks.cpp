#include "linux/fs/locks.h"

#include "sched/wait_queue.h"

namespace runtime {

/// One held lock; an inode's locks form a singly linked list in no order.
struct FileLock {
  FileLock* next = nullptr;
  LockOwner owner = nullptr;
  LockFamily family = LockFamily::Whole;
  LockRange range;
};

/// Reaches into Inode for its list. All functions need the lock-list lock.
struct InodeLocks {
  static FileLock*& head(Inode* inode) { return inode->locks_; }
};

namespace {

const char process_owner = 0;

SpinLock& list_lock() {
  static SpinLock lock(LockRank::FileSystem);
  return lock;
}
WaitQueue& released_queue() {
  static WaitQueue queue;
  return queue;
}

bool overlaps(const LockRange& a, const LockRange& b) { return a.start < b.end && b.start < a.end; }

FileLock* conflicting(Inode* inode, LockOwner owner, LockFamily family, const LockRange& range) {
  for (FileLock* lock = InodeLocks::head(inode); lock; lock = lock->next) {
    if (lock->owner == owner || lock->family != family || !overlaps(lock->range, range)) continue;
    if (lock->range.mode == LockMode::Exclusive || range.mode == LockMode::Exclusive) return lock;
  }
  return nullptr;
}

/// Replaces what the owner holds in `range`; `spare` are two nodes for a new lock and a split.
/// Nodes that are not needed stay in `spare`, nodes that became free go to `unused`.
void apply(Inode* inode, LockOwner owner, LockFamily family, const LockRange& range,
           FileLock* spare[2], FileLock** unused) {
  FileLock** link = &InodeLocks::head(inode);
  while (*link) {
    FileLock* lock = *link;
    if (lock->owner != owner || lock->family != family || !overlaps(lock->range, range)) {
      link = &lock->next;
      continue;
    }
    const bool keeps_head = lock->range.start < range.start;
    const bool keeps_tail = lock->range.end > range.end;
    if (keeps_head && keeps_tail) {
      FileLock* tail = spare[1];
      spare[1] = nullptr;
      tail->owner = owner;
      tail->family = family;
      tail->range = lock->range;
      tail->range.start = range.end;
      tail->next = lock->next;
      lock->next = tail;
      lock->range.end = range.start;
      link = &tail->next;
    } else if (keeps_head) {
      lock->range.end = range.start;
      link = &lock->next;
    } else if (keeps_tail) {
      lock->range.start = range.end;
      link = &lock->next;
    } else {
      *link = lock->next;
      lock->next = *unused;
      *unused = lock;
    }
  }
  if (range.mode == LockMode::None) return;
  // Neighbours of the same mode melt into the new lock, so that lists stay short.
  FileLock* added = spare[0];
  spare[0] = nullptr;
  added->owner = owner;
  added->family = family;
  added->range = range;
  link = &InodeLocks::head(inode);
  while (*link) {
    FileLock* lock = *link;
    const bool touches =
        lock->owner == owner && lock->family == family && lock->range.mode == range.mode &&
        (lock->range.end == added->range.start || lock->range.start == added->range.end);
    if (!touches) {
      link = &lock->next;
      continue;
    }
    added->range.start = min_of(added->range.start, lock->range.start);
    added->range.end = max_of(added->range.end, lock->range.end);
    *link = lock->next;
    lock->next = *unused;
    *unused = lock;
  }
  added->next = InodeLocks::head(inode);
  InodeLocks::head(inode) = added;
}

void free_list(FileLock* lock) {
  while (lock) {
    FileLock* next = lock->next;
    delete lock;
    lock = next;
  }
}

}  // namespace

LockOwner process_lock_owner() { return &process_owner; }

Result<void> set_lock(Inode* inode, LockOwner owner, LockFamily family, const LockRange& range,
                      bool wait) {
  FileLock* spare[2] = {new FileLock(), new FileLock()};
  FileLock* unused = nullptr;
  Result<void> result;
  if (!spare[0] || !spare[1]) {
    result = Errno::NoMemory;
  } else {
    auto try_it = [&]() {
      SpinGuard guard(list_lock());
      if (range.mode != LockMode::None && conflicting(inode, owner, family, range)) return false;
      apply(inode, owner, family, range, spare, &unused);
      return true;
    };
    if (!wait) {
      if (!try_it()) result = Errno::Again;
    } else if (released_queue().wait(try_it) == WaitResult::Interrupted) {
      result = Errno::Restart;
    }
  }
  // Everything that is not an upgrade can let somebody else in.
  if (!result.is_error() && range.mode != LockMode::Exclusive) released_queue().wake_all();
  delete spare[0];
  delete spare[1];
  free_list(unused);
  return result;
}

bool find_conflict(Inode* inode, LockOwner owner, LockFamily family, const LockRange& range,
                   LockRange* conflict, LockOwner* holder) {
  SpinGuard guard(list_lock());
  FileLock* lock = conflicting(inode, owner, family, range);
  if (!lock) return false;
  *conflict = lock->range;
  *holder = lock->owner;
  return true;
}

void drop_locks(Inode* inode, LockOwner owner) {
  if (!InodeLocks::head(inode)) return;
  FileLock* unused = nullptr;
  {
    SpinGuard guard(list_lock());
    FileLock** link = &InodeLocks::head(inode);
    while (*link) {
      FileLock* lock = *link;
      if (lock->owner != owner) {
        link = &lock->next;
        continue;
      }
      *link = lock->next;
      lock->next = unused;
      unused = lock;
    }
  }
  if (!unused) return;
  free_list(unused);
  released_queue().wake_all();
}

void drop_all_locks(Inode* inode) {
  free_list(InodeLocks::head(inode));
  InodeLocks::head(inode) = nullptr;
}

}  // namespace runtime
