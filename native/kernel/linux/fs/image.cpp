// From the boot archives to the tree: files keep their data in the archive.
#include "lib/cpio.h"
#include "lib/format.h"
#include "linux/fs/tree.h"

namespace runtime {

namespace {

/// Refuses names that would not mean a place in the tree: "..", and over-long ones.
const char* name_problem(StringView name) {
  if (name.size >= kPathMaximum) return "a path is longer than 4095 bytes";
  while (!name.is_empty()) {
    const size_t length = name.find('/');
    if (name.first(length) == "..") return "a path contains \"..\"";
    if (length > kNameMaximum) return "a file's name is longer than 255 bytes";
    name = name.from(min_of(length + 1, name.size));
  }
  return nullptr;
}

/// Cuts "./", leading and trailing slashes: the path below the root, empty for the root itself.
StringView path_below_root(StringView name) {
  for (;;) {
    if (name.starts_with("/")) {
      name = name.from(1);
    } else if (name.starts_with("./")) {
      name = name.from(2);
    } else {
      break;
    }
  }
  while (!name.is_empty() && name[name.size - 1] == '/') name = name.first(name.size - 1);
  return name == "." ? StringView() : name;
}

void apply_attributes(Inode* inode, const CpioEntry& entry) {
  inode->with_attributes([&](InodeAttributes& attributes) {
    attributes.permissions = entry.mode & 07777;
    attributes.user = entry.user;
    attributes.group = entry.group;
    const TimeSpec time = {entry.modify_time, 0};
    attributes.access_time = attributes.modify_time = time;
    attributes.change_time = attributes.birth_time = time;
  });
}

/// Hard links: cpio gives the data with the last name; earlier names of the same inode are empty.
struct LinkedInode {
  uint32_t number;
  RefPtr<RegularInode> inode;
};

class Loader {
 public:
  explicit Loader(TreeDirectory* root) : root_(root) {}

  Result<void> add(const CpioEntry& entry) {
    const StringView path = path_below_root(entry.name);
    if (path.is_empty()) return {};
    size_t name_start = path.size;
    while (name_start > 0 && path[name_start - 1] != '/') --name_start;
    Result<RefPtr<TreeDirectory>> parent = make_directories(root_, path.first(name_start), 0755);
    if (parent.is_error()) return parent.error();
    // What lies below /proc, /sys and /dev is the kernel's own.
    FileSystem& file_system = parent.value()->file_system();
    if (file_system.is_pseudo || &file_system == &file_systems().devices) return {};
    const StringView name = path.from(name_start);
    if ((entry.mode & kModeTypeMask) == kModeDirectory) {
      Result<RefPtr<TreeDirectory>> made = make_directories(parent.value().get(), name, 0755);
      if (made.is_error()) return made.error();
      if (!is_mount_point(made.value().get())) apply_attributes(made.value().get(), entry);
      return {};
    }
    Result<RefPtr<Inode>> inode = make_inode(file_system, entry);
    if (inode.is_error()) return inode.error();
    if (!inode.value()) return {};
    return place(parent.value().get(), name, inode.value());
  }

 private:
  /// Gives the inode its name; a file of an earlier archive is replaced.
  Result<void> place(TreeDirectory* parent, StringView name, const RefPtr<Inode>& inode) {
    Result<RefPtr<Inode>> existing = parent->find(name);
    if (existing.is_error()) return parent->add(name, inode);
    if (existing.value()->is_directory()) return Errno::IsDirectory;
    return parent->replace(name, inode);
  }

  Result<RefPtr<Inode>> make_inode(FileSystem& file_system, const CpioEntry& entry) {
    switch (entry.mode & kModeTypeMask) {
      case kModeRegular:
        return make_regular(file_system, entry);
      case kModeLink: {
        LinkInode* made = new LinkInode(file_system);
        if (!made) return Errno::NoMemory;
        RefPtr<LinkInode> link = RefPtr<LinkInode>::adopt(made);
        Result<void> set = link->set_target(entry.data);
        if (set.is_error()) return set.error();
        apply_attributes(link.get(), entry);
        return RefPtr<Inode>(link);
      }
      case kModeFifo:
      case kModeSocket: {
        SpecialInode* made = new SpecialInode(file_system, entry.mode);
        if (!made) return Errno::NoMemory;
        RefPtr<SpecialInode> special = RefPtr<SpecialInode>::adopt(made);
        apply_attributes(special.get(), entry);
        return RefPtr<Inode>(special);
      }
      default:
        log(LogLevel::Warn, "The archive's \"%.*s\" is a device node and is left out.",
            static_cast<int>(entry.name.size), entry.name.data);
        return RefPtr<Inode>();
    }
  }

  Result<RefPtr<Inode>> make_regular(FileSystem& file_system, const CpioEntry& entry) {
    RefPtr<RegularInode> inode;
    if (entry.links > 1) {
      for (LinkedInode& linked : linked_) {
        if (linked.number == entry.inode) inode = linked.inode;
      }
    }
    if (!inode) {
      RegularInode* made = new RegularInode(file_system, entry.mode & 07777);
      if (!made) return Errno::NoMemory;
      inode = RefPtr<RegularInode>::adopt(made);
      if (entry.links > 1) {
        Result<void> kept = linked_.push(LinkedInode{entry.inode, inode});
        if (kept.is_error()) return kept.error();
      }
    }
    if (!entry.data.is_empty()) inode->set_image(entry.data.data, entry.data.size);
    apply_attributes(inode.get(), entry);
    return RefPtr<Inode>(inode);
  }

  TreeDirectory* root_;
  Vector<LinkedInode> linked_;
};

void report(const char* archive_name, size_t offset, const char* problem) {
  log(LogLevel::Error, "Cannot use %s: at byte %zu %s. Build it again with `npm run build`.",
      archive_name, offset, problem);
}

}  // namespace

namespace {

/// Loads the first archive in `archive`, which becomes what follows it.
Result<void> load_first(TreeDirectory* root, StringView* archive, const char* archive_name) {
  CpioReader reader(*archive);
  Loader loader(root);
  for (;;) {
    CpioEntry entry;
    Result<bool> found = reader.next(&entry);
    if (found.is_error()) {
      report(archive_name, reader.offset(), reader.problem());
      return Errno::Invalid;
    }
    if (!found.value()) {
      *archive = reader.following();
      return {};
    }
    if (path_below_root(entry.name) == ".padding") continue;
    if (const char* problem = name_problem(entry.name)) {
      report(archive_name, reader.offset(), problem);
      return Errno::Invalid;
    }
    Result<void> added = loader.add(entry);
    if (!added.is_error()) continue;
    if (added.error() == Errno::NoMemory) return added;
    char problem[400];
    format(problem, sizeof(problem), "\"%.*s\" is both a file and a directory",
           static_cast<int>(min_of<size_t>(entry.name.size, 300)), entry.name.data);
    report(archive_name, reader.offset(), problem);
    return Errno::Invalid;
  }
}

}  // namespace

Result<void> load_archive(TreeDirectory* root, StringView archive, const char* archive_name) {
  Result<void> loaded;
  do {
    loaded = load_first(root, &archive, archive_name);
  } while (!loaded.is_error() && !archive.is_empty());
  return loaded;
}

}  // namespace runtime
