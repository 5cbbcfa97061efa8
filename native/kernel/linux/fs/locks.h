// Locks on files: flock(2), and fcntl(2) record locks, traditional and open-file-description ones.
#pragma once

#include "linux/fs/inode.h"

namespace runtime {

/// Who holds a lock: an open file description, or the process (traditional record locks).
using LockOwner = const void*;
LockOwner process_lock_owner();

enum class LockFamily { Whole, Record };  // flock(2) and fcntl(2) locks do not see each other
enum class LockMode { Shared, Exclusive, None };

/// A lock on bytes `start` to `end` (exclusive; UINT64_MAX: to the end of the file).
struct LockRange {
  LockMode mode = LockMode::None;
  uint64_t start = 0;
  uint64_t end = UINT64_MAX;
};

/// Sets (or, with LockMode::None, removes) the owner's lock on a range; locks that the owner has
/// there are converted or split. With `wait` blocks until no other owner is in the way.
/// Errors: Again, Interrupted, NoMemory.
Result<void> set_lock(Inode* inode, LockOwner owner, LockFamily family, const LockRange& range,
                      bool wait);
/// The first lock of another owner that conflicts with `range`. Returns false when there is none.
bool find_conflict(Inode* inode, LockOwner owner, LockFamily family, const LockRange& range,
                   LockRange* conflict, LockOwner* holder);
/// Drops all locks that `owner` holds on `inode` and wakes who waits for them.
void drop_locks(Inode* inode, LockOwner owner);
/// Drops all locks of an inode that goes away.
void drop_all_locks(Inode* inode);

}  // namespace runtime
