// /proc as a tree: static parts, and directories whose entries follow descriptors and threads.
#include "lib/format.h"
#include "linux/fd_table.h"
#include "linux/fs/process_files.h"
#include "linux/fs/published.h"
#include "linux/process_info.h"
#include "linux/system_calls.h"
#include "linux/vfs.h"

namespace runtime {

namespace {

// Inode numbers of what is made on the fly: stable, and away from the counted ones.
constexpr uint64_t kDescriptorNumbers = 0x100000;
constexpr uint64_t kDescriptorInfoNumbers = 0x200000;
constexpr uint64_t kThreadNumbers = 0x300000;
constexpr uint64_t kThreadFileNumbers = 0x10000000;

constexpr size_t kNumberSize = 12;

/// A decimal number without sign or leading zeroes. Returns -1 when `text` is none.
int parse_number(StringView text) {
  if (text.is_empty() || text.size > 9 || (text[0] == '0' && text.size > 1)) return -1;
  int number = 0;
  for (size_t i = 0; i < text.size; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    number = number * 10 + (text[i] - '0');
  }
  return number;
}

/// Where an inode that is made on the fly is: below `parent`, called `name`.
template <typename Base>
class Placed : public Base {
 public:
  template <typename... Arguments>
  Placed(RefPtr<DirectoryInode> parent, StringView name, Arguments&&... arguments)
      : Base(forward<Arguments>(arguments)...), parent_(move(parent)), size_(name.size) {
    memcpy(name_, name.data, name.size);
  }
  bool locate(DirectoryInode** parent, StringView* name) override {
    *parent = parent_.get();
    *name = StringView(name_, size_);
    return true;
  }

 private:
  RefPtr<DirectoryInode> parent_;
  char name_[24];
  size_t size_;
};

/// /proc/self/fd/N: leads to what the descriptor refers to, whatever its text says.
class DescriptorLink : public LinkInode {
 public:
  DescriptorLink(FileSystem& file_system, int descriptor, uint32_t permissions)
      : LinkInode(file_system, kDescriptorNumbers + static_cast<uint64_t>(descriptor)),
        descriptor_(descriptor) {
    with_attributes([&](InodeAttributes& attributes) {
      attributes.permissions = permissions;
      attributes.links = 1;
    });
  }
  uint64_t size() override { return 64; }
  bool is_magic() const override { return true; }
  Result<void> follow(RefPtr<Inode>* inode, RefPtr<File>* file) override {
    Result<RefPtr<File>> found = fd_get(descriptor_);
    if (found.is_error()) return Errno::NoEntry;
    *inode = RefPtr<Inode>(found.value()->inode());
    *file = found.take();
    return {};
  }
  Result<size_t> read_target(char* buffer, size_t capacity) override {
    Result<RefPtr<File>> found = fd_get(descriptor_);
    if (found.is_error()) return Errno::NoEntry;
    return found.value()->describe(buffer, capacity);
  }

 private:
  int descriptor_;
};

Result<void> write_descriptor(TextWriter& text, uint64_t descriptor) {
  Result<RefPtr<File>> found = fd_get(static_cast<int>(descriptor));
  if (found.is_error()) return Errno::NoEntry;
  File* file = found.value().get();
  uint64_t position = 0;
  Result<uint64_t> sought = file->seek(0, 1);
  if (!sought.is_error()) position = sought.value();
  Result<bool> closes = fd_close_on_exec(static_cast<int>(descriptor));
  unsigned flags = static_cast<unsigned>(file->status_flags());
  if (!closes.is_error() && closes.value()) flags |= kOpenCloseOnExec;
  // In octal, as proc(5) says; the formatter has no %o.
  char digits[16];
  size_t at = sizeof(digits) - 1;
  digits[at] = 0;
  for (unsigned rest = flags; rest || at == sizeof(digits) - 1; rest >>= 3) {
    digits[--at] = static_cast<char>('0' + (rest & 7));
  }
  Stat stat;
  memset(&stat, 0, sizeof(stat));
  if (file->stat(&stat).is_error()) memset(&stat, 0, sizeof(stat));
  text.print("pos:\t%llu\nflags:\t0%s\nmnt_id:\t%llu\nino:\t%llu\n",
             static_cast<unsigned long long>(position), digits + at,
             static_cast<unsigned long long>(stat.device),
             static_cast<unsigned long long>(stat.inode));
  return {};
}

/// /proc/self/fd and /proc/self/fdinfo.
class DescriptorDirectory : public DirectoryInode {
 public:
  DescriptorDirectory(FileSystem& file_system, bool shows_information)
      : DirectoryInode(file_system, shows_information ? 0555 : 0500),
        shows_information_(shows_information) {}

  Result<RefPtr<Inode>> find(StringView name) override {
    const int descriptor = parse_number(name);
    Result<RefPtr<File>> file = fd_get(descriptor);
    if (file.is_error()) return Errno::NoEntry;
    RefPtr<DirectoryInode> here(this);
    if (shows_information_) {
      auto* made = new Placed<GeneratedInode>(
          here, name, file_system(), 0444u, write_descriptor, static_cast<uint64_t>(descriptor),
          kDescriptorInfoNumbers + static_cast<uint64_t>(descriptor));
      if (!made) return Errno::NoMemory;
      return RefPtr<Inode>(RefPtr<GeneratedInode>::adopt(made));
    }
    const uint32_t permissions =
        (file.value()->is_readable() ? 0500u : 0100u) | (file.value()->is_writable() ? 0200u : 0u);
    auto* made = new Placed<DescriptorLink>(here, name, file_system(), descriptor, permissions);
    if (!made) return Errno::NoMemory;
    return RefPtr<Inode>(RefPtr<DescriptorLink>::adopt(made));
  }
  bool next(uint64_t cookie, Item* item) override {
    if (cookie - 2 >= static_cast<uint64_t>(kMaximumDescriptors)) return false;
    const int descriptor = fd_next(static_cast<int>(cookie - 2));
    if (descriptor < 0) return false;
    item->cookie = static_cast<uint64_t>(descriptor) + 2;
    item->number = (shows_information_ ? kDescriptorInfoNumbers : kDescriptorNumbers) +
                   static_cast<uint64_t>(descriptor);
    item->type = shows_information_ ? kModeRegular : kModeLink;
    format(item->name, sizeof(item->name), "%d", descriptor);
    return true;
  }

 private:
  bool shows_information_;
};

/// /proc/PID/task/TID.
class ThreadDirectory : public DirectoryInode {
 public:
  ThreadDirectory(FileSystem& file_system, int thread)
      : DirectoryInode(file_system, 0555, kThreadNumbers + static_cast<uint64_t>(thread)),
        thread_(thread) {}

  Result<RefPtr<Inode>> find(StringView name) override {
    for (size_t i = 0; i < kThreadFileCount; ++i) {
      if (name != kThreadFiles[i].name) continue;
      auto* made = new Placed<GeneratedInode>(
          RefPtr<DirectoryInode>(this), name, file_system(), kThreadFiles[i].permissions,
          kThreadFiles[i].generator, static_cast<uint64_t>(thread_), file_number(i));
      if (!made) return Errno::NoMemory;
      return RefPtr<Inode>(RefPtr<GeneratedInode>::adopt(made));
    }
    return Errno::NoEntry;
  }
  bool next(uint64_t cookie, Item* item) override {
    if (cookie - 2 >= kThreadFileCount) return false;
    item->cookie = cookie;
    item->number = file_number(cookie - 2);
    item->type = kModeRegular;
    format(item->name, sizeof(item->name), "%s", kThreadFiles[cookie - 2].name);
    return true;
  }

 private:
  uint64_t file_number(size_t index) const {
    return kThreadFileNumbers + static_cast<uint64_t>(thread_) * 64 + index;
  }
  int thread_;
};

/// /proc/PID/task.
class TaskDirectory : public DirectoryInode {
 public:
  explicit TaskDirectory(FileSystem& file_system) : DirectoryInode(file_system, 0555) {}

  Result<RefPtr<Inode>> find(StringView name) override {
    const int id = parse_number(name);
    ThreadInfo thread;
    if (id < 0 || !next_thread(id, &thread) || thread.id != id) return Errno::NoEntry;
    auto* made = new Placed<ThreadDirectory>(RefPtr<DirectoryInode>(this), name, file_system(), id);
    if (!made) return Errno::NoMemory;
    return RefPtr<Inode>(RefPtr<ThreadDirectory>::adopt(made));
  }
  bool next(uint64_t cookie, Item* item) override {
    ThreadInfo thread;
    if (cookie - 2 > INT32_MAX || !next_thread(static_cast<int>(cookie - 2), &thread)) {
      return false;
    }
    item->cookie = static_cast<uint64_t>(thread.id) + 2;
    item->number = kThreadNumbers + static_cast<uint64_t>(thread.id);
    item->type = kModeDirectory;
    format(item->name, sizeof(item->name), "%d", thread.id);
    return true;
  }
};

/// A link whose target is found when it is asked for.
class DynamicLink : public LinkInode {
 public:
  /// Writes the target's path; returns its length.
  using Describe = size_t (*)(char* buffer, size_t capacity);
  /// The target, or null when there is only a path. Tree mutex held.
  using Find = RefPtr<Inode> (*)();

  DynamicLink(FileSystem& file_system, Describe describe, Find find)
      : LinkInode(file_system), describe_(describe), find_(find) {}

  uint64_t size() override { return 0; }
  bool is_magic() const override { return true; }
  Result<void> follow(RefPtr<Inode>* inode, RefPtr<File>* file) override {
    (void)file;
    *inode = find_();
    if (!*inode) return Errno::NoEntry;
    return {};
  }
  Result<size_t> read_target(char* buffer, size_t capacity) override {
    return describe_(buffer, capacity);
  }

 private:
  Describe describe_;
  Find find_;
};

RefPtr<Inode>& executable() {
  static RefPtr<Inode> inode;
  return inode;
}

size_t describe_inode(const RefPtr<Inode>& inode, char* buffer, size_t capacity) {
  TreeGuard guard;
  return inode ? tree_path(inode.get(), buffer, capacity) : 0;
}

RefPtr<Inode> find_executable() { return executable(); }
RefPtr<Inode> find_working_directory() { return working_directory(); }
RefPtr<Inode> find_root() { return RefPtr<Inode>(root_directory().get()); }

size_t describe_executable(char* buffer, size_t capacity) {
  return describe_inode(executable(), buffer, capacity);
}
size_t describe_working_directory(char* buffer, size_t capacity) {
  return describe_inode(working_directory(), buffer, capacity);
}
size_t describe_root(char* buffer, size_t capacity) { return format(buffer, capacity, "/"); }

/// /proc/thread-self: the text follows who asks.
class ThreadSelfLink : public LinkInode {
 public:
  explicit ThreadSelfLink(FileSystem& file_system, RefPtr<DirectoryInode> tasks)
      : LinkInode(file_system), tasks_(move(tasks)) {}

  uint64_t size() override { return 0; }
  bool is_magic() const override { return true; }
  Result<void> follow(RefPtr<Inode>* inode, RefPtr<File>* file) override {
    (void)file;
    char name[kNumberSize];
    const size_t size = format(name, sizeof(name), "%d", current_thread_id());
    Result<RefPtr<Inode>> found = tasks_->find(StringView(name, size));
    if (found.is_error()) return found.error();
    *inode = found.take();
    return {};
  }
  Result<size_t> read_target(char* buffer, size_t capacity) override {
    return format(buffer, capacity, "%d/task/%d", kProcessId, current_thread_id());
  }

 private:
  static int current_thread_id() {
    Result<uint64_t> id = sys_gettid();
    return id.is_error() ? kProcessId : static_cast<int>(id.value());
  }
  RefPtr<DirectoryInode> tasks_;
};

Result<void> add_dynamic_link(TreeDirectory* directory, StringView name,
                              DynamicLink::Describe describe, DynamicLink::Find find) {
  DynamicLink* made = new DynamicLink(directory->file_system(), describe, find);
  if (!made) return Errno::NoMemory;
  return directory->add(name, RefPtr<DynamicLink>::adopt(made));
}

template <typename Kind, typename... Arguments>
Result<RefPtr<Kind>> add_directory(TreeDirectory* parent, StringView name, Arguments... arguments) {
  Kind* made = new Kind(parent->file_system(), arguments...);
  if (!made) return Errno::NoMemory;
  RefPtr<Kind> directory = RefPtr<Kind>::adopt(made);
  Result<void> added = parent->add(name, directory);
  if (added.is_error()) return added.error();
  return directory;
}

Result<void> build_process(TreeDirectory* processes, TreeDirectory* process) {
  for (size_t i = 0; i < kProcessFileCount; ++i) {
    Result<void> added = add_generated(process, kProcessFiles[i].name, kProcessFiles[i].generator,
                                       kProcessId, kProcessFiles[i].permissions);
    if (added.is_error()) return added;
  }
  for (size_t i = 0; i < kThreadFileCount; ++i) {
    Result<void> added = add_generated(process, kThreadFiles[i].name, kThreadFiles[i].generator,
                                       kProcessId, kThreadFiles[i].permissions);
    if (added.is_error()) return added;
  }
  Result<void> linked = add_dynamic_link(process, "exe", describe_executable, find_executable);
  if (!linked.is_error()) {
    linked = add_dynamic_link(process, "cwd", describe_working_directory, find_working_directory);
  }
  if (!linked.is_error()) linked = add_dynamic_link(process, "root", describe_root, find_root);
  if (linked.is_error()) return linked;

  Result<RefPtr<DescriptorDirectory>> descriptors =
      add_directory<DescriptorDirectory>(process, "fd", false);
  if (descriptors.is_error()) return descriptors.error();
  descriptors = add_directory<DescriptorDirectory>(process, "fdinfo", true);
  if (descriptors.is_error()) return descriptors.error();
  Result<RefPtr<TaskDirectory>> tasks = add_directory<TaskDirectory>(process, "task");
  if (tasks.is_error()) return tasks.error();

  ThreadSelfLink* made =
      new ThreadSelfLink(processes->file_system(), RefPtr<DirectoryInode>(tasks.value()));
  if (!made) return Errno::NoMemory;
  return processes->add("thread-self", RefPtr<ThreadSelfLink>::adopt(made));
}

/// Adds files whose names are paths from /proc.
Result<void> build_machine(TreeDirectory* processes, const GeneratedName* files, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const StringView path = files[i].name;
    size_t name_start = path.size;
    while (name_start > 0 && path[name_start - 1] != '/') --name_start;
    Result<RefPtr<TreeDirectory>> parent =
        make_directories(processes, path.first(name_start), 0555);
    if (parent.is_error()) return parent.error();
    Result<void> added = add_generated(parent.value().get(), path.from(name_start),
                                       files[i].generator, 0, files[i].permissions);
    if (added.is_error()) return added;
  }
  return {};
}

}  // namespace

Result<void> build_processes(TreeDirectory* processes) {
  Result<void> machine = build_machine(processes, kMachineFiles, kMachineFileCount);
  if (!machine.is_error()) machine = build_machine(processes, kDeviceFiles, kDeviceFileCount);
  if (machine.is_error()) return machine;
  Result<void> published = build_published(processes);
  if (published.is_error()) return published;
  char id[kNumberSize];
  const size_t id_size = format(id, sizeof(id), "%d", kProcessId);
  Result<RefPtr<TreeDirectory>> process =
      make_directories(processes, StringView(id, id_size), 0555);
  if (process.is_error()) return process.error();
  Result<void> built = build_process(processes, process.value().get());
  if (!built.is_error()) built = make_link(processes, "self", StringView(id, id_size));
  if (!built.is_error()) built = make_link(process.value().get(), "net", "../net");
  if (!built.is_error()) built = make_link(processes, "mounts", "self/mounts");
  return built;
}

void vfs_set_executable(File* file) { executable() = RefPtr<Inode>(file->inode()); }

}  // namespace runtime
