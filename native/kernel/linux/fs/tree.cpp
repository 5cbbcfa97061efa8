#include "linux/fs/tree.h"

#include "lib/format.h"
#include "linux/fs/notify.h"
#include "linux/vfs.h"

namespace runtime {

namespace {

constexpr uint32_t kMagicRam = 0x858458f6;  // RAMFS_MAGIC, linux/magic.h
constexpr uint32_t kMagicTemporary = 0x01021994;
constexpr uint32_t kMagicProcess = 0x9fa0;
constexpr uint32_t kMagicSystem = 0x62656572;

Mutex tree_mutex(MutexRank::FileTree);
RefPtr<TreeDirectory> root;
RefPtr<DirectoryInode> current_directory;
uint32_t current_mask = 022;

FileSystems all_file_systems = {
    {"ramfs", "image", "/", 1, kMagicRam, true, false, 2},
    {"tmpfs", "tmpfs", "/tmp", 2, kMagicTemporary, false, false, 2},
    {"devtmpfs", "devtmpfs", "/dev", 3, kMagicTemporary, true, false, 2},
    {"tmpfs", "tmpfs", "/dev/shm", 4, kMagicTemporary, false, false, 2},
    {"proc", "proc", "/proc", 5, kMagicProcess, false, true, 2},
    {"sysfs", "sysfs", "/sys", 6, kMagicSystem, false, true, 2},
};

}  // namespace

TreeGuard::TreeGuard() { tree_mutex.lock(); }
TreeGuard::~TreeGuard() { tree_mutex.unlock(); }

FileSystems& file_systems() { return all_file_systems; }
RefPtr<TreeDirectory>& root_directory() { return root; }
RefPtr<DirectoryInode> working_directory() { return current_directory; }
void set_working_directory(RefPtr<DirectoryInode> directory) {
  swap_values(current_directory, directory);
}
uint32_t creation_mask() { return current_mask; }
uint32_t set_creation_mask(uint32_t mask) {
  return __atomic_exchange_n(&current_mask, mask & 0777, __ATOMIC_RELAXED);
}

PathBuffer::PathBuffer() : data_(static_cast<char*>(allocate(kPathMaximum))) {}
PathBuffer::~PathBuffer() { deallocate(data_); }

size_t tree_path(Inode* inode, char* buffer, size_t capacity) {
  if (capacity == 0) return 0;
  // Two walks: the length first, then the names from the end.
  size_t length = 0;
  Inode* at = inode;
  DirectoryInode* parent = nullptr;
  StringView name;
  while (at != root.get() && at->locate(&parent, &name)) {
    length += 1 + name.size;
    at = parent;
  }
  if (at != root.get()) {
    // The inode, or a directory above it, was removed.
    const StringView former = at->former_path();
    return format(buffer, capacity, "%.*s (deleted)", static_cast<int>(former.size), former.data);
  }
  if (length == 0) return format(buffer, capacity, "/");
  size_t position = length;
  auto put = [&](char character) {
    --position;
    if (position + 1 < capacity) buffer[position] = character;
  };
  for (at = inode; at != root.get() && at->locate(&parent, &name); at = parent) {
    for (size_t i = name.size; i > 0; --i) put(name[i - 1]);
    put('/');
  }
  const size_t written = min_of(length, capacity - 1);
  buffer[written] = 0;
  return written;
}

bool is_mount_point(Inode* inode) {
  if (inode == root.get()) return true;
  DirectoryInode* parent = nullptr;
  StringView name;
  return inode->is_directory() && inode->locate(&parent, &name) &&
         &parent->file_system() != &inode->file_system();
}

Result<void> check_writable(Inode* inode) {
  if (inode->file_system().is_read_only) return Errno::ReadOnly;
  return {};
}

Result<TreeDirectory*> changeable_directory(DirectoryInode* directory) {
  if (directory->file_system().is_pseudo) return Errno::Perm;
  if (directory->file_system().is_read_only) return Errno::ReadOnly;
  TreeDirectory* tree = directory->as_tree();
  if (!tree) return Errno::Perm;
  if (tree->was_removed()) return Errno::NoEntry;
  return tree;
}

Result<void> link_inode(DirectoryInode* directory, StringView name, RefPtr<Inode> inode) {
  Result<TreeDirectory*> tree = changeable_directory(directory);
  if (tree.is_error()) return tree.error();
  const bool is_new = inode->link_count() == (inode->is_directory() ? 2 : 0);
  Result<void> added = tree.value()->add(name, inode);
  if (added.is_error()) return added;
  if (!is_new) {
    inode->touch(false);
    notify_self(inode.get(), kNotifyAttributes);
  }
  directory->touch(true);
  notify_entry(directory, name, inode.get(), kNotifyCreate);
  return {};
}

Result<void> unlink_name(DirectoryInode* directory, StringView name, bool is_directory) {
  Result<TreeDirectory*> tree = changeable_directory(directory);
  Result<RefPtr<Inode>> found = directory->find(name);
  if (found.is_error()) return found.error();
  if (tree.is_error()) return tree.error();
  RefPtr<Inode> inode = found.take();
  DirectoryInode* victim = inode->as_directory();
  if (is_directory) {
    if (!victim) return Errno::NotDirectory;
    if (is_mount_point(victim)) return Errno::Busy;
    if (!victim->as_tree() || !victim->as_tree()->is_empty()) return Errno::NotEmpty;
  } else if (victim) {
    return Errno::IsDirectory;
  }
  // Others may still show the path of what goes away: remember it.
  if (inode->reference_count() > 2 && (victim || inode->link_count() == 1)) {
    PathBuffer path;
    if (path.data()) {
      const size_t size = tree_path(inode.get(), path.data(), kPathMaximum);
      inode->set_former_path(StringView(path.data(), size));
    }
  }
  Result<void> removed = tree.value()->remove(name);
  if (removed.is_error()) return removed;
  if (victim) {
    victim->as_tree()->mark_removed();
    victim->with_attributes([](InodeAttributes& attributes) { attributes.links = 0; });
  }
  inode->touch(false);
  directory->touch(true);
  notify_entry(directory, name, inode.get(), kNotifyDelete);
  if (!victim) notify_self(inode.get(), kNotifyAttributes);
  return {};
}

Result<RefPtr<TreeDirectory>> make_directories(TreeDirectory* from, StringView path,
                                               uint32_t permissions) {
  RefPtr<TreeDirectory> at(from);
  while (!path.is_empty()) {
    const size_t length = path.find('/');
    const StringView name = path.first(length);
    path = path.from(min_of(length + 1, path.size));
    if (name.is_empty()) continue;
    Result<RefPtr<Inode>> found = at->find(name);
    if (!found.is_error()) {
      DirectoryInode* directory = found.value()->as_directory();
      if (!directory || !directory->as_tree()) return Errno::NotDirectory;
      at = RefPtr<TreeDirectory>(directory->as_tree());
      continue;
    }
    TreeDirectory* made = new TreeDirectory(at->file_system(), permissions);
    if (!made) return Errno::NoMemory;
    RefPtr<TreeDirectory> child = RefPtr<TreeDirectory>::adopt(made);
    Result<void> added = at->add(name, child);
    if (added.is_error()) return added.error();
    at = child;
  }
  return at;
}

Result<void> make_link(TreeDirectory* directory, StringView name, StringView target) {
  LinkInode* link = new LinkInode(directory->file_system());
  if (!link) return Errno::NoMemory;
  RefPtr<LinkInode> inode = RefPtr<LinkInode>::adopt(link);
  Result<void> set = inode->set_target(target);
  if (set.is_error()) return set;
  return directory->add(name, inode);
}

namespace {

/// Makes the root directory of a file system and hangs it into the tree. Errors: NoMemory.
Result<RefPtr<TreeDirectory>> mount(FileSystem& file_system, uint32_t permissions) {
  TreeDirectory* made = new TreeDirectory(file_system, permissions);
  if (!made) return Errno::NoMemory;
  RefPtr<TreeDirectory> directory = RefPtr<TreeDirectory>::adopt(made);
  StringView path = file_system.mount_point;
  if (path == "/") {
    root = directory;
    current_directory = directory;
    return directory;
  }
  size_t name_start = path.size;
  while (path[name_start - 1] != '/') --name_start;
  Result<RefPtr<TreeDirectory>> parent = make_directories(root.get(), path.first(name_start), 0755);
  if (parent.is_error()) return parent.error();
  Result<void> added = parent.value()->add(path.from(name_start), directory);
  if (added.is_error()) return added.error();
  return directory;
}

Result<void> build_tree(StringView base, StringView initrd) {
  FileSystems& all = all_file_systems;
  Result<RefPtr<TreeDirectory>> top = mount(all.root, 0755);
  if (top.is_error()) return top.error();
  Result<RefPtr<TreeDirectory>> temporary = mount(all.temporary, 01777);
  if (temporary.is_error()) return temporary.error();
  Result<RefPtr<TreeDirectory>> devices = mount(all.devices, 0755);
  if (devices.is_error()) return devices.error();
  Result<RefPtr<TreeDirectory>> shared_memory = mount(all.shared_memory, 01777);
  if (shared_memory.is_error()) return shared_memory.error();
  Result<RefPtr<TreeDirectory>> processes = mount(all.processes, 0555);
  if (processes.is_error()) return processes.error();
  Result<RefPtr<TreeDirectory>> system = mount(all.system, 0555);
  if (system.is_error()) return system.error();

  Result<void> built = build_devices(devices.value().get());
  processes.value()->build_on_demand(build_processes);
  system.value()->build_on_demand(build_system);
  if (!built.is_error()) built = load_archive(root.get(), base, "the base");
  if (!built.is_error() && !initrd.is_empty()) {
    built = load_archive(root.get(), initrd, "the initrd");
  }
  if (built.is_error()) return built;
  // What the process runs unless the boot code says otherwise.
  Result<RefPtr<File>> node = vfs_open("/bin/node", kOpenPath);
  if (!node.is_error()) vfs_set_executable(node.value().get());
  return {};
}

}  // namespace

Result<void> vfs_initialise(StringView base, StringView initrd, bool writable_root) {
  all_file_systems.root.is_read_only = !writable_root;
  Result<void> built = build_tree(base, initrd);
  if (built.is_error() && built.error() == Errno::NoMemory) {
    log(LogLevel::Error,
        "There is not enough memory to list the files of the boot image. Give the machine more "
        "memory (-m).");
  }
  return built;
}

size_t vfs_path_of(File* file, char* buffer, size_t capacity) {
  return file->describe(buffer, capacity);
}

uint64_t vfs_tmpfs_bytes() { return file_bytes(); }

}  // namespace runtime
