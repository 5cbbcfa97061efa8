// What a thread leaves behind: robust mutexes (get_robust_list(2), set_robust_list(2)) and the word
// that tells of its end (set_tid_address(2)).
#include "linux/futex.h"
#include "linux/system_calls.h"
#include "linux/user_atomic.h"
#include "sched/thread.h"

namespace runtime {

namespace {

/// struct robust_list_head.
struct RobustListHead {
  uint64_t first;    // of a ring that ends at the head again
  int64_t offset;    // from a list entry to its futex word
  uint64_t pending;  // entry of a lock that is being taken or released right now, or 0
};

// The futex word of a mutex.
constexpr uint32_t kOwnerMask = 0x3fffffff;
constexpr uint32_t kOwnerDied = 0x40000000;
constexpr uint32_t kWaiters = 0x80000000;

/// More than any program holds; a longer list is a ring that never comes back to its head.
constexpr unsigned kMaximumEntries = 2048;
/// The lowest bit of an entry's address marks a priority-inheriting mutex.
constexpr uint64_t kPriorityInheriting = 1;

/// Marks one mutex as left behind, if `owner` holds it, and wakes one waiter.
void abandon_mutex(uint64_t entry, int64_t offset, uint32_t owner, bool is_pending) {
  const bool inherits_priority = (entry & kPriorityInheriting) != 0;
  const uint64_t address = (entry & ~kPriorityInheriting) + static_cast<uint64_t>(offset);
  if (address % sizeof(uint32_t) != 0) return;
  Result<uint32_t> old = update_user_word(address, [owner](uint32_t value) {
    if ((value & kOwnerMask) != owner) return value;
    return (value & kWaiters) | kOwnerDied;
  });
  if (old.is_error()) return;
  const uint32_t value = old.value();
  const bool was_owner = (value & kOwnerMask) == owner;
  // A pending entry with a free word: the thread released it and died before it could wake.
  const bool missed_wake = is_pending && value == 0;
  if (!inherits_priority && ((was_owner && (value & kWaiters)) || missed_wake)) {
    futex_wake_address(address, 1);
  }
}

void walk_robust_list(Thread* thread) {
  const uint64_t head_address = thread->robust_list_head;
  thread->robust_list_head = 0;
  if (!head_address) return;
  Result<RobustListHead> head = UserPtr<RobustListHead>(head_address).read();
  if (head.is_error()) return;
  const int64_t offset = head.value().offset;
  const uint64_t pending = head.value().pending;
  const uint32_t owner = static_cast<uint32_t>(thread->id());

  uint64_t entry = head.value().first;
  for (unsigned i = 0; i < kMaximumEntries; ++i) {
    const uint64_t address = entry & ~kPriorityInheriting;
    if (address == head_address) break;
    // The next entry first: who is woken may free this one.
    Result<uint64_t> following = UserPtr<uint64_t>(address).read();
    if (address != (pending & ~kPriorityInheriting)) abandon_mutex(entry, offset, owner, false);
    if (following.is_error()) break;
    entry = following.value();
  }
  if (pending) abandon_mutex(pending, offset, owner, true);
}

}  // namespace

void futex_thread_exit(Thread* thread) {
  walk_robust_list(thread);
  const uint64_t address = thread->clear_child_thread_id;
  thread->clear_child_thread_id = 0;
  if (!address) return;
  Result<void> cleared = UserPtr<uint32_t>(address).write(0);
  if (!cleared.is_error()) futex_wake_address(address, 1);
}

Result<uint64_t> sys_set_robust_list(UserPtr<void> head, uint64_t size) {
  if (size != sizeof(RobustListHead)) return Errno::Invalid;
  Thread::current()->robust_list_head = head.address();
  return 0;
}

Result<uint64_t> sys_get_robust_list(int thread_id, UserPtr<uint64_t> head,
                                     UserPtr<uint64_t> size) {
  const RefPtr<Thread> thread =
      thread_id == 0 ? RefPtr<Thread>(Thread::current()) : find_thread(thread_id);
  if (!thread) return Errno::NoProcess;
  Result<void> written = size.write(sizeof(RobustListHead));
  if (written.is_error()) return written.error();
  written = head.write(thread->robust_list_head);
  if (written.is_error()) return written.error();
  return 0;
}

}  // namespace runtime
