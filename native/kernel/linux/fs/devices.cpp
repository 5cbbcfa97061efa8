// /dev: null, zero, full, random, urandom, kmsg, console, tty. Numbers: the kernel's devices.txt.
#include "linux/fs/inode_file.h"
#include "linux/fs/kernel_log.h"
#include "linux/fs/tree.h"
#include "linux/process_info.h"
#include "terminal/terminal_file.h"

namespace runtime {

namespace {

constexpr size_t kChunk = 256;

enum class Device { Null, Zero, Full, Random, KernelLog, Terminal };

/// makedev(3) for small numbers.
constexpr uint64_t device_number(uint32_t major, uint32_t minor) { return major << 8 | minor; }

Result<uint64_t> seek_nowhere() { return static_cast<uint64_t>(0); }

class DeviceFile : public InodeFile {
 public:
  DeviceFile(RefPtr<Inode> inode, int flags) : InodeFile(move(inode), flags) {}

  // Position means nothing to these devices: at an offset is as good as here.
  Result<size_t> read_at(IoBuffer& buffer, uint64_t offset) override {
    (void)offset;
    return read(buffer);
  }
  Result<size_t> write_at(IoBuffer& buffer, uint64_t offset) override {
    (void)offset;
    return write(buffer);
  }
  Result<uint64_t> seek(int64_t offset, int whence) override {
    (void)offset;
    (void)whence;
    return seek_nowhere();
  }

 protected:
  static size_t swallow(IoBuffer& buffer) {
    const size_t size = buffer.remaining();
    buffer.skip(size);
    return size;
  }
  static Result<size_t> give_zeroes(IoBuffer& buffer) {
    const size_t before = buffer.remaining();
    Result<void> cleared = buffer.put_zeroes(before);
    const size_t done = before - buffer.remaining();
    if (cleared.is_error() && done == 0) return cleared.error();
    return done;
  }
};

class NullFile : public DeviceFile {
 public:
  using DeviceFile::DeviceFile;
  Result<size_t> read(IoBuffer& buffer) override {
    (void)buffer;
    return static_cast<size_t>(0);
  }
  Result<size_t> write(IoBuffer& buffer) override { return swallow(buffer); }
};

class ZeroFile : public DeviceFile {
 public:
  using DeviceFile::DeviceFile;
  Result<size_t> read(IoBuffer& buffer) override { return give_zeroes(buffer); }
  Result<size_t> write(IoBuffer& buffer) override { return swallow(buffer); }
  /// mmap of /dev/zero is anonymous memory: a nameless file of zeroes behaves the same.
  Result<RefPtr<Mappable>> mappable(bool shared_writable) override {
    RegularInode* made = new RegularInode(file_systems().shared_memory, 0666);
    if (!made) return Errno::NoMemory;
    RefPtr<RegularInode> inode = RefPtr<RegularInode>::adopt(made);
    Result<void> sized = inode->truncate(kMaximumFileSize);
    if (!sized.is_error() && shared_writable) sized = inode->begin_shared_mapping();
    if (sized.is_error()) return sized.error();
    return RefPtr<Mappable>(inode);
  }
};

class FullFile : public DeviceFile {
 public:
  using DeviceFile::DeviceFile;
  Result<size_t> read(IoBuffer& buffer) override { return give_zeroes(buffer); }
  Result<size_t> write(IoBuffer& buffer) override {
    (void)buffer;
    return Errno::NoSpace;
  }
};

class RandomFile : public DeviceFile {
 public:
  using DeviceFile::DeviceFile;
  Result<size_t> read(IoBuffer& buffer) override {
    const size_t wanted = buffer.remaining();
    uint8_t chunk[kChunk];
    while (buffer.remaining()) {
      const size_t size = min_of(buffer.remaining(), kChunk);
      random_bytes(chunk, size);
      Result<void> copied = buffer.put(chunk, size);
      if (copied.is_error() && buffer.remaining() == wanted) return copied.error();
      if (copied.is_error()) break;
    }
    return wanted - buffer.remaining();
  }
  /// Linux mixes what is written into the pool without crediting it; here it is not used.
  Result<size_t> write(IoBuffer& buffer) override { return swallow(buffer); }
};

class DeviceInode : public Inode {
 public:
  DeviceInode(FileSystem& file_system, uint32_t permissions, Device device, uint64_t number,
              uint32_t terminal = 0)
      : Inode(file_system, kModeCharacter | permissions),
        device_(device),
        terminal_(terminal),
        raw_device_(number) {}

  uint64_t raw_device() override { return raw_device_; }
  Result<RefPtr<File>> open(int flags) override {
    switch (device_) {
      case Device::Null:
        return make<NullFile>(flags);
      case Device::Zero:
        return make<ZeroFile>(flags);
      case Device::Full:
        return make<FullFile>(flags);
      case Device::Random:
        return make<RandomFile>(flags);
      case Device::KernelLog:
        return open_kernel_log(RefPtr<Inode>(this), flags);
      case Device::Terminal:
        return open_terminal(RefPtr<Inode>(this), flags, terminal_);
    }
    return Errno::NoDeviceOrAddress;
  }

 private:
  template <typename Kind>
  Result<RefPtr<File>> make(int flags) {
    Kind* file = new Kind(RefPtr<Inode>(this), flags);
    if (!file) return Errno::NoMemory;
    return RefPtr<File>(RefPtr<Kind>::adopt(file));
  }

  Device device_;
  uint32_t terminal_;
  uint64_t raw_device_;
};

struct DeviceName {
  const char* name;
  Device device;
  uint32_t permissions;
  uint64_t number;
};
const DeviceName kDevices[] = {
    {"null", Device::Null, 0666, device_number(1, 3)},
    {"zero", Device::Zero, 0666, device_number(1, 5)},
    {"full", Device::Full, 0666, device_number(1, 7)},
    {"random", Device::Random, 0666, device_number(1, 8)},
    {"urandom", Device::Random, 0666, device_number(1, 9)},
    {"kmsg", Device::KernelLog, 0644, device_number(1, 11)},
    {"tty", Device::Terminal, 0666, device_number(5, 0)},
    {"console", Device::Terminal, 0600, device_number(5, 1)},
};

struct LinkName {
  const char* name;
  const char* target;
};
const LinkName kLinks[] = {
    {"fd", "/proc/self/fd"},
    {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},
};

TreeDirectory* device_directory = nullptr;  // stays

/// Number of a terminal's device by its name: those of Linux, others in the range for local use.
uint64_t terminal_number(StringView name, uint32_t terminal) {
  const uint32_t last = static_cast<uint32_t>(name.data[name.size - 1] - '0');
  if (name.starts_with(StringView("ttyS"))) return device_number(4, 64 + last);
  if (name.starts_with(StringView("tty"))) return device_number(4, last);
  if (name.starts_with(StringView("hvc"))) return device_number(229, last);
  return device_number(240, terminal);
}

}  // namespace

Result<void> add_terminal_device(StringView name, uint32_t terminal) {
  if (name.size == 0) return Errno::Invalid;
  TreeGuard guard;
  if (!device_directory->find(name).is_error()) return Errno::Exists;
  DeviceInode* made = new DeviceInode(device_directory->file_system(), 0666, Device::Terminal,
                                      terminal_number(name, terminal), terminal);
  if (!made) return Errno::NoMemory;
  return device_directory->add(name, RefPtr<DeviceInode>::adopt(made));
}

Result<void> build_devices(TreeDirectory* devices) {
  device_directory = devices;
  for (const DeviceName& entry : kDevices) {
    DeviceInode* made =
        new DeviceInode(devices->file_system(), entry.permissions, entry.device, entry.number);
    if (!made) return Errno::NoMemory;
    Result<void> added = devices->add(entry.name, RefPtr<DeviceInode>::adopt(made));
    if (added.is_error()) return added;
  }
  for (const LinkName& entry : kLinks) {
    Result<void> made = make_link(devices, entry.name, entry.target);
    if (made.is_error()) return made;
  }
  return {};
}

}  // namespace runtime
