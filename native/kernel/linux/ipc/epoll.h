// epoll(7): watching many files at once.
//
// Every registration listens at its file. When the file's queue is woken, the callback (any
// context, under the queue's lock) puts the registration on its instance's ready list and wakes
// the listeners of the instance; epoll_wait takes registrations off the list and asks each file
// what is true. A registration leaves the list before its file is asked, so a change between the
// two puts it back and is never lost.
//
// Locks, outermost first:
//   registry mutex    one: which file has which registrations, how instances nest
//   instance mutex    each: registrations by descriptor; held while events are copied out
//   readiness lock    one spinlock for all instances: ready lists and listeners. It is taken under
//                     wait queues' locks (the callback), so it ranks right after them; being one,
//                     it lets an instance tell the instances that watch it without nesting locks.
#pragma once

#include "lib/list.h"
#include "lib/vector.h"
#include "linux/ipc/pollable_file.h"
#include "sync/mutex.h"

namespace runtime {

// Flags beyond the poll(2) bits, epoll_ctl(2).
constexpr uint32_t kEpollExclusive = 1u << 28;
constexpr uint32_t kEpollWakeUp = 1u << 29;
constexpr uint32_t kEpollOneShot = 1u << 30;
constexpr uint32_t kEpollEdgeTriggered = 1u << 31;
constexpr uint32_t kEpollFlags =
    kEpollExclusive | kEpollWakeUp | kEpollOneShot | kEpollEdgeTriggered;

/// struct epoll_event; packed on x86-64.
struct __attribute__((packed)) EpollEvent {
  uint32_t events;
  uint64_t data;
};

class Epoll : public AnonymousFile {
 public:
  Epoll() : AnonymousFile(kOpenReadWrite, "[eventpoll]") {}

  /// EPOLL_CTL_ADD: watches `file`, known by `descriptor`. Errors: Exists, Perm (always ready),
  /// Loop (instances would watch one another, or nest deeper than 5), Invalid, NoMemory.
  Result<void> add(const RefPtr<File>& file, int descriptor, const EpollEvent& event);
  /// EPOLL_CTL_MOD. Errors: NoEntry, Invalid.
  Result<void> modify(File* file, int descriptor, const EpollEvent& event);
  /// EPOLL_CTL_DEL. Errors: NoEntry.
  Result<void> remove(File* file, int descriptor);
  /// epoll_wait(2): up to `capacity` events to `events`; returns how many, 0 after the deadline.
  /// Errors: Interrupted, Fault.
  Result<uint64_t> wait(UserPtr<EpollEvent> events, size_t capacity, Deadline deadline);

  uint32_t poll_events() override;
  Kind kind() const override { return Kind::Epoll; }
  Result<void> freeze(FrozenFile* into) override;
  /// Calls `visit(const EpollItem&)` for what it watches. Nobody changes that meanwhile.
  template <typename Visit>
  void each(Visit visit) {
    for (EpollItem* first : items_) {
      for (EpollItem* item = first; item; item = item->next_same_descriptor) visit(*item);
    }
  }
  /// Tells `entry` when the instance may have become ready, as WaitQueue::add would; the callback
  /// runs under the readiness lock.
  void add_listener(WaitEntry* entry);
  void remove_listener(WaitEntry* entry);

  /// Ends all registrations of `file`, which nobody refers to any more.
  static void forget(PollableFile* file);

 protected:
  void last_reference_gone() override;

 private:
  static bool source_changed(WaitEntry* entry, uint32_t events);
  static bool child_changed(WaitEntry* entry, uint32_t events);
  bool mark_ready(EpollItem* item, uint32_t events);

  EpollItem** find(File* file, int descriptor);
  void unlink(EpollItem* item);
  void announce_if_ready(EpollItem* item);
  size_t depth_below();
  size_t depth_above();
  bool reaches(Epoll* other);
  Result<uint64_t> harvest(UserPtr<EpollEvent> events, size_t capacity);
  bool has_ready_items();

  Mutex mutex_{MutexRank::Epoll};
  Vector<EpollItem*> items_;  // by descriptor; several in a chain when a closed one lives on
  List<EpollItem, &EpollItem::ready_node> ready_;
  List<WaitEntry, &WaitEntry::node> listeners_;
};

}  // namespace runtime
