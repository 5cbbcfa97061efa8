// inotify(7): reading what happens to files.
//
// Locks. The instance's mutex serialises adding, removing and freeing of watches. Its spinlock
// guards the tables, the flags of watches and the queue; the file system's observers call in under
// a lock of rank FileSystem, so they can only mark a watch as ended. Whoever holds the mutex next
// frees it.
#pragma once

#include "lib/list.h"
#include "linux/fs/notify.h"
#include "linux/ipc/pollable_file.h"
#include "sync/mutex.h"

namespace runtime {

// Flags of inotify_add_watch(2), and of events, beyond those in linux/fs/notify.h.
constexpr uint32_t kInotifyQueueOverflow = 0x4000;
constexpr uint32_t kInotifyIgnored = 0x8000;
constexpr uint32_t kInotifyOnlyDirectory = 0x01000000;
constexpr uint32_t kInotifyDontFollow = 0x02000000;
constexpr uint32_t kInotifyExcludeUnlinked = 0x04000000;
constexpr uint32_t kInotifyMaskCreate = 0x10000000;
constexpr uint32_t kInotifyMaskAdd = 0x20000000;
constexpr uint32_t kInotifyOneShot = 0x80000000;
constexpr uint32_t kInotifyAllEvents = 0xfff;

class Inotify;

/// One watched inode.
class InotifyWatch final : public InodeObserver {
 public:
  InotifyWatch(Inotify* owner, Inode* inode, uint32_t mask)
      : owner_(owner), inode_(inode), mask_(mask) {}

  void inode_event(uint32_t events, uint32_t cookie, StringView name) override;
  void inode_gone() override;

 private:
  friend class Inotify;

  Inotify* const owner_;
  Inode* const inode_;  // for comparison; stale once the watch has ended
  int descriptor_ = 0;
  uint32_t mask_;
  bool has_ended_ = false;
  ListNode inode_node_;       // in Inotify::by_inode_
  ListNode descriptor_node_;  // in Inotify::by_descriptor_
};

class Inotify : public AnonymousFile {
 public:
  explicit Inotify(int status_flags);

  /// Watches `inode`, or changes the mask of the watch there is; returns the watch descriptor.
  /// Errors: Exists (IN_MASK_CREATE), NoSpace (too many), NoMemory.
  Result<int> add_watch(const RefPtr<Inode>& inode, uint32_t mask);
  /// Errors: Invalid when there is no such watch.
  Result<void> remove_watch(int descriptor);

  /// Returns as many whole events as fit. Errors: Invalid when not even one does, Again, Restart.
  Result<size_t> read(IoBuffer& buffer) override;
  Result<uint64_t> ioctl(uint32_t request, uint64_t argument) override;
  uint32_t poll_events() override;
  WaitQueue* poll_queue() override { return &wait_queue_; }
  Kind kind() const override { return Kind::Inotify; }

  /// From a watch: its inode had an event.
  void watch_event(InotifyWatch* watch, uint32_t events, uint32_t cookie, StringView name);
  /// From a watch: its inode is gone.
  void watch_gone(InotifyWatch* watch);

 protected:
  ~Inotify() override;

 private:
  struct Event;
  static constexpr size_t kBuckets = 256;
  static constexpr uint32_t kMaximumWatches = 65536;  // fs.inotify.max_user_watches
  static constexpr uint32_t kMaximumEvents = 16384;   // fs.inotify.max_queued_events

  static size_t bucket_of(const Inode* inode) {
    return (reinterpret_cast<uint64_t>(inode) >> 6) % kBuckets;
  }
  static size_t bucket_of(int descriptor) { return static_cast<size_t>(descriptor) % kBuckets; }

  // With the spinlock held:
  InotifyWatch* find(const Inode* inode);
  InotifyWatch* find(int descriptor);
  void insert(InotifyWatch* watch);
  void end(InotifyWatch* watch);
  bool queue_event(int descriptor, uint32_t mask, uint32_t cookie, StringView name);
  Event* take_event(size_t capacity, bool* is_too_small);

  // With the mutex held:
  void free_ended();

  Mutex mutex_{MutexRank::Inotify};
  SpinLock lock_;
  List<InotifyWatch, &InotifyWatch::inode_node_> by_inode_[kBuckets];
  List<InotifyWatch, &InotifyWatch::descriptor_node_> by_descriptor_[kBuckets];
  List<InotifyWatch, &InotifyWatch::inode_node_> ended_;
  uint32_t watch_count_ = 0;
  int last_descriptor_ = 0;
  Event* first_event_ = nullptr;
  Event* last_event_ = nullptr;
  uint32_t event_count_ = 0;
  size_t queued_bytes_ = 0;
  bool has_lost_event_ = false;  // atomic: there was no memory for one; read as IN_Q_OVERFLOW
  WaitQueue wait_queue_;
};

}  // namespace runtime
