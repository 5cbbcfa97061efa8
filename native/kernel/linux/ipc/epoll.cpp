#include "linux/ipc/epoll.h"

#include "linux/ipc/readiness.h"
#include "warm/frozen_file.h"

namespace runtime {

namespace {

constexpr size_t kMaximumNesting = 5;  // instances in a chain, epoll_ctl(2) ELOOP

Mutex g_registry(MutexRank::EpollRegistry);
SpinLock g_readiness(LockRank::Readiness);

bool is_pollable_kind(File::Kind kind) {
  return kind != File::Kind::Other && kind != File::Kind::Inode;
}

}  // namespace

// Registrations

Result<void> Epoll::add(const RefPtr<File>& file, int descriptor, const EpollEvent& event) {
  MutexGuard registry(g_registry);
  if (file->kind() == Kind::Epoll) {
    Epoll* child = static_cast<Epoll*>(file.get());
    if (child->reaches(this)) return Errno::Loop;
    if (depth_above() + child->depth_below() > kMaximumNesting) return Errno::Loop;
  }
  MutexGuard guard(mutex_);
  if (find(file.get(), descriptor)) return Errno::Exists;
  const size_t slot = static_cast<size_t>(descriptor);
  if (slot >= items_.size()) {
    Result<void> grown = items_.resize(slot + 1);
    if (grown.is_error()) return grown;
  }
  EpollItem* item = new EpollItem();
  if (!item) return Errno::NoMemory;
  item->epoll = this;
  item->file = file.get();
  item->descriptor = descriptor;
  item->mask = event.events | kPollAlways;
  item->data = event.data;
  item->entry.callback = file->kind() == Kind::Epoll ? child_changed : source_changed;
  item->entry.context = item;
  if (!listen_for_readiness(item->file, &item->entry)) {
    delete item;
    return Errno::Perm;
  }
  item->next_same_descriptor = items_[slot];
  items_[slot] = item;
  if (is_pollable_kind(file->kind())) {
    PollableFile* pollable = static_cast<PollableFile*>(item->file);
    __atomic_add_fetch(&pollable->registration_count_, 1, __ATOMIC_RELAXED);
    pollable->registrations_.push_back(item);
  } else {
    item->held = file;
  }
  announce_if_ready(item);
  return {};
}

Result<void> Epoll::modify(File* file, int descriptor, const EpollEvent& event) {
  MutexGuard guard(mutex_);
  EpollItem** link = find(file, descriptor);
  if (!link) return Errno::NoEntry;
  EpollItem* item = *link;
  if ((item->mask | event.events) & kEpollExclusive) return Errno::Invalid;
  item->data = event.data;
  {
    SpinGuard readiness(g_readiness);
    item->mask = event.events | kPollAlways;
  }
  announce_if_ready(item);
  return {};
}

Result<void> Epoll::remove(File* file, int descriptor) {
  EpollItem* item = nullptr;
  {
    MutexGuard registry(g_registry);
    MutexGuard guard(mutex_);
    EpollItem** link = find(file, descriptor);
    if (!link) return Errno::NoEntry;
    item = *link;
    unlink(item);
  }
  delete item;
  return {};
}

void Epoll::forget(PollableFile* file) {
  MutexGuard registry(g_registry);
  while (EpollItem* item = file->registrations_.front()) {
    {
      MutexGuard guard(item->epoll->mutex_);
      item->epoll->unlink(item);
    }
    delete item;
  }
}

void Epoll::last_reference_gone() {
  EpollItem* removed = nullptr;
  {
    MutexGuard registry(g_registry);
    MutexGuard guard(mutex_);
    for (size_t slot = 0; slot < items_.size(); ++slot) {
      while (EpollItem* item = items_[slot]) {
        unlink(item);
        item->next_same_descriptor = removed;
        removed = item;
      }
    }
  }
  // Only now: letting go of a held file may run its own clean-up.
  while (EpollItem* item = removed) {
    removed = item->next_same_descriptor;
    delete item;
  }
  PollableFile::last_reference_gone();
}

/// The link that points at the registration, or null. Instance mutex held.
EpollItem** Epoll::find(File* file, int descriptor) {
  const size_t slot = static_cast<size_t>(descriptor);
  if (slot >= items_.size()) return nullptr;
  for (EpollItem** link = &items_[slot]; *link; link = &(*link)->next_same_descriptor) {
    if ((*link)->file == file) return link;
  }
  return nullptr;
}

/// Takes the registration out of everything. Registry and instance mutex held.
void Epoll::unlink(EpollItem* item) {
  EpollItem** link = find(item->file, item->descriptor);
  *link = item->next_same_descriptor;
  item->next_same_descriptor = nullptr;
  stop_listening(item->file, &item->entry);
  {
    SpinGuard readiness(g_readiness);
    item->ready_node.unlink();
  }
  if (!item->held) {
    PollableFile* pollable = static_cast<PollableFile*>(item->file);
    item->file_node.unlink();
    // Release: whoever reads 0 sees the list empty and may free the file.
    __atomic_sub_fetch(&pollable->registration_count_, 1, __ATOMIC_RELEASE);
  }
}

// Nesting; the registry mutex is held, so the graph stands still.

bool Epoll::reaches(Epoll* other) {
  if (this == other) return true;
  MutexGuard guard(mutex_);
  for (EpollItem* first : items_) {
    for (EpollItem* item = first; item; item = item->next_same_descriptor) {
      if (item->file->kind() != Kind::Epoll) continue;
      if (static_cast<Epoll*>(item->file)->reaches(other)) return true;
    }
  }
  return false;
}

size_t Epoll::depth_below() {
  size_t deepest = 0;
  MutexGuard guard(mutex_);
  for (EpollItem* first : items_) {
    for (EpollItem* item = first; item; item = item->next_same_descriptor) {
      if (item->file->kind() != Kind::Epoll) continue;
      const size_t depth = static_cast<Epoll*>(item->file)->depth_below();
      if (depth > deepest) deepest = depth;
    }
  }
  return deepest + 1;
}

size_t Epoll::depth_above() {
  size_t highest = 0;
  registrations_.for_each([&highest](EpollItem* item) {
    const size_t depth = item->epoll->depth_above();
    if (depth > highest) highest = depth;
  });
  return highest + 1;
}

Result<void> Epoll::freeze(FrozenFile* into) {
  into->kind = FrozenFileKind::Epoll;
  return {};
}

// Readiness

bool Epoll::source_changed(WaitEntry* entry, uint32_t events) {
  EpollItem* item = static_cast<EpollItem*>(entry->context);
  SpinGuard readiness(g_readiness);
  return item->epoll->mark_ready(item, events);
}

/// The callback of a watched instance, which holds the readiness lock already.
bool Epoll::child_changed(WaitEntry* entry, uint32_t events) {
  EpollItem* item = static_cast<EpollItem*>(entry->context);
  return item->epoll->mark_ready(item, events);
}

/// Readiness lock held. Recursion is as deep as instances nest, at most kMaximumNesting.
bool Epoll::mark_ready(EpollItem* item, uint32_t events) {
  if (!(item->mask & ~kEpollFlags)) return false;  // one-shot, and spent
  if (events && !(events & item->mask)) return false;
  if (!item->ready_node.is_linked()) ready_.push_back(item);
  bool told_somebody = false;
  listeners_.for_each([&told_somebody](WaitEntry* listener) {
    told_somebody |= listener->callback(listener, kPollIn | kPollReadNormal);
  });
  return told_somebody && (item->mask & kEpollExclusive);
}

void Epoll::announce_if_ready(EpollItem* item) {
  const uint32_t events = item->file->poll_events() & item->mask;
  if (!events) return;
  SpinGuard readiness(g_readiness);
  mark_ready(item, events);
}

void Epoll::add_listener(WaitEntry* entry) {
  SpinGuard readiness(g_readiness);
  listeners_.push_back(entry);
}

void Epoll::remove_listener(WaitEntry* entry) {
  SpinGuard readiness(g_readiness);
  entry->node.unlink();
}

/// Moves ready events out. Returns how many; Fault only when none could be.
Result<uint64_t> Epoll::harvest(UserPtr<EpollEvent> events, size_t capacity) {
  MutexGuard guard(mutex_);
  EpollItem* last = nullptr;  // what comes after it was added meanwhile and waits for its turn
  {
    SpinGuard readiness(g_readiness);
    last = ready_.back();
  }
  size_t count = 0;
  for (EpollItem* item = nullptr; item != last && count < capacity;) {
    {
      SpinGuard readiness(g_readiness);
      item = ready_.pop_front();
    }
    const uint32_t mask = item->mask;
    const uint32_t ready = item->file->poll_events() & mask & ~kEpollFlags;
    if (!ready) continue;
    Result<void> copied = events.offset(count).write(EpollEvent{ready, item->data});
    SpinGuard readiness(g_readiness);
    if (copied.is_error()) {
      if (!item->ready_node.is_linked()) ready_.push_front(item);
      if (count == 0) return copied.error();
      break;
    }
    ++count;
    if (mask & kEpollOneShot) {
      item->mask &= kEpollFlags;
      item->ready_node.unlink();
    } else if (!(mask & kEpollEdgeTriggered) && !item->ready_node.is_linked()) {
      ready_.push_back(item);
    }
  }
  return count;
}

bool Epoll::has_ready_items() {
  SpinGuard readiness(g_readiness);
  return !ready_.is_empty();
}

uint32_t Epoll::poll_events() {
  if (!has_ready_items()) return 0;
  MutexGuard guard(mutex_);
  for (;;) {
    EpollItem* item = nullptr;
    {
      SpinGuard readiness(g_readiness);
      item = ready_.pop_front();
    }
    if (!item) return 0;
    if (!(item->file->poll_events() & item->mask & ~kEpollFlags)) continue;
    SpinGuard readiness(g_readiness);
    if (!item->ready_node.is_linked()) ready_.push_front(item);
    return kPollIn | kPollReadNormal;
  }
}

namespace {

/// A thread in epoll_wait, linked to the instance's listeners.
struct EpollWaiter {
  ReadinessWaiter waiter;
  WaitEntry entry;

  EpollWaiter() {
    entry.callback = [](WaitEntry* woken, uint32_t) {
      static_cast<EpollWaiter*>(woken->context)->waiter.wake();
      return true;
    };
    entry.context = this;
  }
};

}  // namespace

Result<uint64_t> Epoll::wait(UserPtr<EpollEvent> events, size_t capacity, Deadline deadline) {
  Result<uint64_t> count = harvest(events, capacity);
  if (count.is_error() || count.value() > 0 || deadline.has_passed()) return count;
  EpollWaiter waiting;
  add_listener(&waiting.entry);
  for (;;) {
    waiting.waiter.begin();
    count = harvest(events, capacity);
    if (count.is_error() || count.value() > 0) break;
    const WaitResult result = waiting.waiter.sleep(deadline);
    if (result == WaitResult::Ready) continue;
    count = harvest(events, capacity);
    if (result == WaitResult::Interrupted && !count.is_error() && count.value() == 0) {
      count = Errno::Interrupted;
    }
    break;
  }
  remove_listener(&waiting.entry);
  return count;
}

}  // namespace runtime
