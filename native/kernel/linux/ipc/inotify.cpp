#include "linux/ipc/inotify.h"

#include "lib/types.h"

namespace runtime {

namespace {

constexpr uint32_t kReadable = kPollIn | kPollReadNormal;
constexpr uint32_t kReadableBytesRequest = 0x541b;  // FIONREAD
constexpr size_t kNameAlignment = 16;               // as Linux pads names

/// struct inotify_event, before the name.
struct EventHeader {
  int32_t descriptor;
  uint32_t mask;
  uint32_t cookie;
  uint32_t name_size;  // with the padding
};

}  // namespace

/// An event in the queue; its name, padded, follows it.
struct Inotify::Event {
  Event* next;
  EventHeader header;

  char* name() { return reinterpret_cast<char*>(this + 1); }
  size_t size() const { return sizeof(header) + header.name_size; }
  bool is_same(const EventHeader& other, StringView text) {
    if (header.descriptor != other.descriptor || header.mask != other.mask) return false;
    if (header.cookie != other.cookie || header.name_size != other.name_size) return false;
    return header.name_size == 0 || StringView(name()) == text;
  }
};

void InotifyWatch::inode_event(uint32_t events, uint32_t cookie, StringView name) {
  owner_->watch_event(this, events, cookie, name);
}

void InotifyWatch::inode_gone() { owner_->watch_gone(this); }

Inotify::Inotify(int status_flags)
    : AnonymousFile(kOpenReadOnly | status_flags, "inotify"), lock_(LockRank::Pipe) {}

Inotify::~Inotify() {
  for (auto& bucket : by_descriptor_) {
    while (InotifyWatch* watch = bucket.front()) {
      remove_observer(watch);
      SpinGuard guard(lock_);
      if (!watch->has_ended_) end(watch);  // its inode may just have gone
    }
  }
  free_ended();
  while (Event* event = first_event_) {
    first_event_ = event->next;
    deallocate(event);
  }
}

// Watches

InotifyWatch* Inotify::find(const Inode* inode) {
  auto& bucket = by_inode_[bucket_of(inode)];
  for (InotifyWatch* watch = bucket.front(); watch; watch = bucket.next(watch)) {
    if (watch->inode_ == inode) return watch;
  }
  return nullptr;
}

InotifyWatch* Inotify::find(int descriptor) {
  auto& bucket = by_descriptor_[bucket_of(descriptor)];
  for (InotifyWatch* watch = bucket.front(); watch; watch = bucket.next(watch)) {
    if (watch->descriptor_ == descriptor) return watch;
  }
  return nullptr;
}

/// Gives the watch a descriptor and makes it findable.
void Inotify::insert(InotifyWatch* watch) {
  do {
    last_descriptor_ = last_descriptor_ == INT32_MAX ? 1 : last_descriptor_ + 1;
  } while (find(last_descriptor_));
  watch->descriptor_ = last_descriptor_;
  by_inode_[bucket_of(watch->inode_)].push_back(watch);
  by_descriptor_[bucket_of(watch->descriptor_)].push_back(watch);
  ++watch_count_;
}

/// Takes a live watch out of the tables, to be freed later.
void Inotify::end(InotifyWatch* watch) {
  watch->has_ended_ = true;
  watch->inode_node_.unlink();
  watch->descriptor_node_.unlink();
  ended_.push_back(watch);
  --watch_count_;
}

void Inotify::free_ended() {
  for (;;) {
    InotifyWatch* watch = nullptr;
    {
      SpinGuard guard(lock_);
      watch = ended_.pop_front();
    }
    if (!watch) return;
    remove_observer(watch);  // one-shot watches end while they are still registered
    delete watch;
  }
}

Result<int> Inotify::add_watch(const RefPtr<Inode>& inode, uint32_t mask) {
  MutexGuard mutex(mutex_);
  free_ended();
  const uint32_t kept = mask & (kInotifyAllEvents | kInotifyOneShot | kInotifyExcludeUnlinked);
  {
    SpinGuard guard(lock_);
    if (InotifyWatch* watch = find(inode.get())) {
      if (mask & kInotifyMaskCreate) return Errno::Exists;
      watch->mask_ = mask & kInotifyMaskAdd ? watch->mask_ | kept : kept;
      return watch->descriptor_;
    }
    if (watch_count_ >= kMaximumWatches) return Errno::NoSpace;
  }
  InotifyWatch* watch = new InotifyWatch(this, inode.get(), kept);
  if (!watch) return Errno::NoMemory;
  int descriptor = 0;
  {
    SpinGuard guard(lock_);
    insert(watch);
    descriptor = watch->descriptor_;
  }
  add_observer(inode.get(), watch);
  return descriptor;
}

Result<void> Inotify::remove_watch(int descriptor) {
  MutexGuard mutex(mutex_);
  free_ended();
  {
    SpinGuard guard(lock_);
    InotifyWatch* watch = find(descriptor);
    if (!watch) return Errno::Invalid;
    end(watch);
    queue_event(descriptor, kInotifyIgnored, 0, StringView());
  }
  wait_queue_.wake_all(kReadable);
  free_ended();
  return {};
}

// Events

void Inotify::watch_event(InotifyWatch* watch, uint32_t events, uint32_t cookie, StringView name) {
  {
    SpinGuard guard(lock_);
    if (watch->has_ended_ || !(watch->mask_ & events & kInotifyAllEvents)) return;
    if (!queue_event(watch->descriptor_, events, cookie, name)) return;
    if (watch->mask_ & kInotifyOneShot) {
      queue_event(watch->descriptor_, kInotifyIgnored, 0, StringView());
      end(watch);
    }
  }
  wait_queue_.wake_all(kReadable);
}

void Inotify::watch_gone(InotifyWatch* watch) {
  {
    SpinGuard guard(lock_);
    if (watch->has_ended_) return;
    queue_event(watch->descriptor_, kInotifyIgnored, 0, StringView());
    end(watch);
  }
  wait_queue_.wake_all(kReadable);
}

/// Appends an event, unless it equals the last one; a full queue gets one IN_Q_OVERFLOW instead.
/// Returns whether anything was appended.
bool Inotify::queue_event(int descriptor, uint32_t mask, uint32_t cookie, StringView name) {
  if (event_count_ >= kMaximumEvents) {
    descriptor = -1;
    mask = kInotifyQueueOverflow;
    cookie = 0;
    name = StringView();
  }
  const size_t padded = name.is_empty() ? 0 : align_up(name.size + 1, kNameAlignment);
  const EventHeader header = {descriptor, mask, cookie, static_cast<uint32_t>(padded)};
  if (last_event_ && last_event_->is_same(header, name)) return false;
  Event* event = static_cast<Event*>(allocate(sizeof(Event) + padded));
  if (!event) {
    has_lost_event_ = true;
    return false;
  }
  event->next = nullptr;
  event->header = header;
  memset(event->name(), 0, padded);
  memcpy(event->name(), name.data, name.size);
  (last_event_ ? last_event_->next : first_event_) = event;
  last_event_ = event;
  ++event_count_;
  queued_bytes_ += event->size();
  return true;
}

/// The first event when it is at most `capacity` bytes long.
Inotify::Event* Inotify::take_event(size_t capacity, bool* is_too_small) {
  Event* event = first_event_;
  *is_too_small = event && event->size() > capacity;
  if (!event || *is_too_small) return nullptr;
  first_event_ = event->next;
  if (!first_event_) last_event_ = nullptr;
  --event_count_;
  queued_bytes_ -= event->size();
  return event;
}

Result<size_t> Inotify::read(IoBuffer& buffer) {
  if (buffer.remaining() < sizeof(EventHeader)) return Errno::Invalid;
  size_t size = 0;
  for (;;) {
    Event* event = nullptr;
    bool is_too_small = false;
    {
      SpinGuard guard(lock_);
      event = take_event(buffer.remaining(), &is_too_small);
    }
    if (event) {
      const size_t event_size = event->size();
      Result<void> copied = buffer.put(&event->header, sizeof(event->header));
      if (!copied.is_error() && event->header.name_size > 0) {
        copied = buffer.put(event->name(), event->header.name_size);
      }
      deallocate(event);
      if (copied.is_error()) return copied.error();  // the event is lost, as on Linux
      size += event_size;
      continue;
    }
    if (size > 0) return size;
    if (is_too_small) return Errno::Invalid;
    if (__atomic_exchange_n(&has_lost_event_, false, __ATOMIC_ACQ_REL)) {
      const EventHeader overflow = {-1, kInotifyQueueOverflow, 0, 0};
      Result<void> copied = buffer.put(&overflow, sizeof(overflow));
      if (copied.is_error()) return copied.error();
      return sizeof(overflow);
    }
    if (is_non_blocking()) return Errno::Again;
    const WaitResult waited = wait_queue_.wait([this] { return poll_events() != 0; });
    if (waited != WaitResult::Ready) return Errno::Restart;
  }
}

uint32_t Inotify::poll_events() {
  SpinGuard guard(lock_);
  return first_event_ || __atomic_load_n(&has_lost_event_, __ATOMIC_ACQUIRE) ? kReadable : 0;
}

Result<uint64_t> Inotify::ioctl(uint32_t request, uint64_t argument) {
  if (request != kReadableBytesRequest) return Errno::NotTerminal;
  int bytes = 0;
  {
    SpinGuard guard(lock_);
    bytes = static_cast<int>(queued_bytes_);
  }
  Result<void> copied = UserPtr<int>(argument).write(bytes);
  if (copied.is_error()) return copied.error();
  return uint64_t{0};
}

}  // namespace runtime
