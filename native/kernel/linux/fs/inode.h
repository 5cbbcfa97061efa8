// Inodes: what names in the tree refer to. One in-memory tree holds all file systems.
//
// Locks. The tree mutex (TreeGuard) guards names: directory entries, parents, link counts. Each
// inode's attributes sit behind a spinlock of rank FileSystem. Content has locks of its own
// (linux/fs/regular.h). Order: tree mutex, then an inode's write mutex, then spinlocks.
#pragma once

#include "lib/list.h"
#include "lib/string.h"
#include "lib/vector.h"
#include "linux/abi.h"
#include "linux/file.h"
#include "memory/mappable.h"
#include "sync/mutex.h"
#include "sync/spinlock.h"

namespace runtime {

class DirectoryInode;
class InodeObserver;
class LinkInode;
class RegularInode;
class TreeDirectory;
struct FileLock;

/// A mounted file system. All are static; the tree's root and mount points refer to them.
struct FileSystem {
  const char* type;         // as in /proc/mounts
  const char* source;       // as in /proc/mounts
  const char* mount_point;  // absolute path
  uint32_t minor;           // st_dev is 0:minor
  uint32_t magic;           // f_type of statfs(2)
  bool is_read_only;
  bool is_pseudo;  // generated content (/proc, /sys): no blocks, names cannot be created
  uint64_t next_inode;
};

/// The changeable attributes of an inode, inode(7).
struct InodeAttributes {
  uint32_t permissions = 0;  // the low 12 bits of the mode
  uint32_t user = 0;
  uint32_t group = 0;
  uint64_t links = 0;
  TimeSpec access_time = {0, 0};
  TimeSpec modify_time = {0, 0};
  TimeSpec change_time = {0, 0};
  TimeSpec birth_time = {0, 0};
};

/// One name of an inode in a TreeDirectory.
struct DirectoryEntry {
  TreeDirectory* directory = nullptr;
  String name;
  uint32_t hash = 0;
  uint64_t cookie = 0;  // position for getdents64; never used twice in a directory
  RefPtr<Inode> inode;
  DirectoryEntry* next_in_bucket = nullptr;
  ListNode name_node;  // in Inode::names_
};

class Inode : public Mappable {
 public:
  /// `mode` holds the type and the permissions. The inode number is taken from `file_system`
  /// unless `number` is given.
  Inode(FileSystem& file_system, uint32_t mode, uint64_t number = 0);

  FileSystem& file_system() const { return file_system_; }
  uint64_t number() const { return number_; }
  uint32_t type() const { return type_; }
  bool is_directory() const { return type_ == kModeDirectory; }
  bool is_link() const { return type_ == kModeLink; }
  bool is_regular() const { return type_ == kModeRegular; }

  virtual DirectoryInode* as_directory() { return nullptr; }
  virtual RegularInode* as_regular() { return nullptr; }
  virtual LinkInode* as_link() { return nullptr; }

  /// st_size and the bytes of storage behind st_blocks.
  virtual uint64_t size() { return 0; }
  virtual uint64_t allocated_bytes() { return 0; }
  /// st_rdev of device nodes.
  virtual uint64_t raw_device() { return 0; }
  /// Makes an open file description. `flags` as open(2); checks of the path are done already.
  virtual Result<RefPtr<File>> open(int flags);
  /// Page content for mmap; only regular files have some.
  Result<PhysAddr> map_page(uint64_t index, bool for_write) override;

  void stat(Stat* result);
  /// Calls `use(InodeAttributes&)` under the attribute lock; `use` must not block.
  template <typename Use>
  auto with_attributes(Use use) -> decltype(use(*static_cast<InodeAttributes*>(nullptr))) {
    return attributes_.with(use);
  }
  TimeSpec birth_time();
  uint32_t permissions();
  uint64_t link_count();
  /// Sets the change time, and the modify time with `content`, to now.
  void touch(bool content);
  /// Sets the access time when it would be older than the modify time or a day (relatime).
  void touch_access();

  /// The directory that holds the inode and its name there. Returns false for the root and for
  /// inodes without a name. Tree mutex held.
  virtual bool locate(DirectoryInode** parent, StringView* name);
  /// What path_of shows for an inode without a name, e.g. "/memfd:buffer (deleted)".
  bool set_former_path(StringView path) { return former_path_.assign(path); }
  StringView former_path() const { return former_path_.view(); }

  /// A slot for the subsystem behind a socket or fifo inode; the file system never looks inside.
  RefPtr<RefCounted> binding();
  void set_binding(RefPtr<RefCounted> binding);

 protected:
  ~Inode() override;

 private:
  friend class TreeDirectory;
  friend size_t tree_path(Inode* inode, char* buffer, size_t capacity);
  friend struct InodeObservers;
  friend struct InodeLocks;

  FileSystem& file_system_;
  const uint64_t number_;
  const uint32_t type_;
  Locked<InodeAttributes> attributes_;
  List<DirectoryEntry, &DirectoryEntry::name_node> names_;  // tree mutex
  String former_path_;                                      // tree mutex
  Locked<RefPtr<RefCounted>> binding_;
  ListNode observers_;         // head; guarded by the observer lock of linux/fs/notify.cpp
  FileLock* locks_ = nullptr;  // guarded by the lock of linux/fs/locks.cpp
};

/// Holds the tree mutex for a scope.
class TreeGuard {
 public:
  TreeGuard();
  ~TreeGuard();
  TreeGuard(const TreeGuard&) = delete;
  TreeGuard& operator=(const TreeGuard&) = delete;
};

/// The wall clock as a timespec.
TimeSpec current_time();

/// A directory, as path lookup and getdents64 see it. All functions need the tree mutex.
class DirectoryInode : public Inode {
 public:
  DirectoryInode(FileSystem& file_system, uint32_t permissions, uint64_t number = 0)
      : Inode(file_system, kModeDirectory | permissions, number) {}

  DirectoryInode* as_directory() override { return this; }
  virtual TreeDirectory* as_tree() { return nullptr; }
  Result<RefPtr<File>> open(int flags) override;

  /// The inode called `name` (never "." or ".."). Errors: NoEntry, NoMemory.
  virtual Result<RefPtr<Inode>> find(StringView name) = 0;

  /// One entry for getdents64: its position, and what the record shows.
  struct Item {
    uint64_t cookie;
    uint64_t number;
    uint32_t type;
    char name[256];
  };
  /// The first entry at or after position `cookie` (2 and up; 0 and 1 are "." and "..").
  /// Returns false at the end.
  virtual bool next(uint64_t cookie, Item* item) = 0;
  /// The directory above; the root is its own parent; null when it was removed.
  RefPtr<DirectoryInode> parent();
};

/// A directory whose entries are stored: hashed by name, and in order of creation for reading.
class TreeDirectory : public DirectoryInode {
 public:
  TreeDirectory(FileSystem& file_system, uint32_t permissions)
      : DirectoryInode(file_system, permissions) {}

  TreeDirectory* as_tree() override { return this; }
  Result<RefPtr<Inode>> find(StringView name) override;
  bool next(uint64_t cookie, Item* item) override;
  uint64_t size() override { return count_ * 20; }

  /// Gives `inode` the name `name`, which is not taken. Errors: NoMemory, TooManyLinks.
  Result<void> add(StringView name, RefPtr<Inode> inode);
  /// Takes the name away; the inode lives on while something refers to it. Errors: NoEntry.
  Result<void> remove(StringView name);
  /// Makes `name`, which exists, refer to `inode` instead. Errors: NoEntry, NoMemory.
  Result<void> replace(StringView name, RefPtr<Inode> inode);
  /// Has `build` add the entries when somebody first looks for one: most programs use little of /proc.
  using Builder = Result<void> (*)(TreeDirectory* directory);
  void build_on_demand(Builder build) { builder_ = build; }
  bool is_empty() const { return count_ == 0; }
  bool was_removed() const { return was_removed_; }
  void mark_removed() { was_removed_ = true; }

 protected:
  ~TreeDirectory() override;

 private:
  DirectoryEntry* lookup(StringView name, uint32_t hash) const;
  Result<void> grow_buckets();
  size_t position_of(uint64_t cookie) const;
  Result<void> build_now();
  void compact();
  void attach(DirectoryEntry* entry, RefPtr<Inode> inode);
  void detach(DirectoryEntry* entry);

  DirectoryEntry** buckets_ = nullptr;
  size_t bucket_count_ = 0;
  struct Slot {
    uint64_t cookie;
    DirectoryEntry* entry;  // null where an entry was removed, until the next compaction
  };
  Vector<Slot> ordered_;  // ascending by cookie
  size_t count_ = 0;
  uint64_t next_cookie_ = 2;
  bool was_removed_ = false;
  Builder builder_ = nullptr;
};

/// A symbolic link. Ordinary links have a text; magic ones (/proc/self/fd/N) know their target.
class LinkInode : public Inode {
 public:
  LinkInode(FileSystem& file_system, uint64_t number = 0)
      : Inode(file_system, kModeLink | 0777, number) {}

  LinkInode* as_link() override { return this; }
  uint64_t size() override { return target_.view().size; }
  /// Sets the text before the link is published. Errors: NoMemory.
  Result<void> set_target(StringView target) {
    if (!target_.assign(target)) return Errno::NoMemory;
    return {};
  }

  /// Text of the link for readlink(2); `buffer` is cut at `capacity`. No tree mutex needed, and
  /// none may be held for magic links. Errors: NoEntry.
  virtual Result<size_t> read_target(char* buffer, size_t capacity);
  /// True when `follow` finds the target instead of the text.
  virtual bool is_magic() const { return false; }
  /// Target of a magic link: an inode, a description, or both. Tree mutex held. Errors: NoEntry.
  virtual Result<void> follow(RefPtr<Inode>* inode, RefPtr<File>* file) {
    (void)inode;
    (void)file;
    return Errno::NoEntry;
  }
  StringView target() const { return target_.view(); }

 private:
  String target_;
};

/// Sockets and fifos: inodes that other subsystems give a meaning through `binding`.
class SpecialInode : public Inode {
 public:
  SpecialInode(FileSystem& file_system, uint32_t mode) : Inode(file_system, mode) {}
  Result<RefPtr<File>> open(int flags) override;
};

}  // namespace runtime
