#include "linux/fs/published.h"

#include "linux/fs/generated.h"
#include "linux/fs/notify.h"
#include "linux/vfs.h"

namespace runtime {

namespace {

/// Names in /proc/net. Each is there from the start; empty until it is published.
const char* const kNames[] = {
    "arp",   "capture",    "dev",      "dev_mcast", "icmp", "icmp6", "if_inet6", "igmp",
    "igmp6", "ipv6_route", "mcfilter", "netstat",   "raw",  "raw6",  "route",    "runtime",
    "snmp",  "snmp6",      "sockstat", "sockstat6", "tcp",  "tcp6",  "udp",      "udp6",
};
/// And one in /proc/tty, whose text is behind those.
constexpr const char* kTerminals = "runtime";
constexpr size_t kTerminalText = array_size(kNames);

struct Published {
  Mutex mutex{MutexRank::FilePublished};
  String texts[kTerminalText + 1];  // mutex
  WaitQueue waiters;                // for resolv.conf
  RefPtr<Inode> awaited;            // set before the app starts
  bool is_awaited = false;          // atomic: an open would wait
  uint64_t longest_wait = 0;
  uint64_t deadline = 0;  // atomic; 0 until somebody waits
};
Published& published() {
  static Published instance;
  return instance;
}

Result<void> write_published(TextWriter& text, uint64_t index) {
  Published& all = published();
  MutexGuard guard(all.mutex);
  text.put(all.texts[index].view());
  return {};
}

Result<void> publish_text(size_t index, StringView text) {
  String fresh;
  if (!fresh.assign(text)) return Errno::NoMemory;
  Published& all = published();
  MutexGuard guard(all.mutex);
  all.texts[index] = move(fresh);
  return {};
}

Result<void> publish_in_net(StringView name, StringView text) {
  for (size_t i = 0; i < array_size(kNames); ++i) {
    if (name == StringView(kNames[i])) return publish_text(i, text);
  }
  return Errno::Invalid;
}

/// The file at `path`, made when it is not there. The image is read-only to the application only.
Result<RefPtr<RegularInode>> published_inode(StringView path) {
  Result<RefPtr<File>> file = vfs_open(path, kOpenReadOnly);
  if (!file.is_error() && file.value()->inode() && file.value()->inode()->as_regular()) {
    return RefPtr<RegularInode>(file.value()->inode()->as_regular());
  }
  TreeGuard guard;
  Result<RefPtr<TreeDirectory>> etc = make_directories(root_directory().get(), "etc", 0755);
  if (etc.is_error()) return etc.error();
  RegularInode* made = new RegularInode(etc.value()->file_system(), 0644);
  if (!made) return Errno::NoMemory;
  RefPtr<RegularInode> inode = RefPtr<RegularInode>::adopt(made);
  Result<void> added = etc.value()->add(path.from(sizeof("/etc/") - 1), inode);
  if (added.is_error()) return added.error();
  return inode;
}

Result<void> publish_in_etc(StringView path, StringView text) {
  Result<RefPtr<RegularInode>> found = published_inode(path);
  if (found.is_error()) return found.error();
  RegularInode& inode = *found.value();
  IoBuffer buffer = IoBuffer::kernel(const_cast<char*>(text.data), text.size);
  uint64_t offset = 0;
  Result<size_t> written = inode.write_at(buffer, &offset, false);
  if (written.is_error()) return written.error();
  Result<void> cut = inode.truncate(text.size);
  if (cut.is_error()) return cut;
  inode.touch(true);
  notify_inode(&inode, kNotifyModify);
  notify_inode(&inode, kNotifyCloseWrite);
  return {};
}

}  // namespace

Result<void> publish_file(StringView name, StringView text) {
  if (text.size > kPublishedMaximum) return Errno::FileTooBig;
  const StringView net("net/");
  if (name.starts_with(net)) return publish_in_net(name.from(net.size), text);
  if (name == StringView("tty/runtime")) return publish_text(kTerminalText, text);
  if (name == StringView("hosts")) return publish_in_etc("/etc/hosts", text);
  if (name != StringView("resolv.conf")) return Errno::Invalid;
  Result<void> done = publish_in_etc("/etc/resolv.conf", text);
  release_publication();
  return done;
}

void expect_publication(uint64_t at_most) {
  Result<RefPtr<RegularInode>> inode = published_inode("/etc/resolv.conf");
  if (inode.is_error()) return;
  Published& all = published();
  all.awaited = RefPtr<Inode>(inode.value());
  all.longest_wait = at_most;
  __atomic_store_n(&all.is_awaited, true, __ATOMIC_RELEASE);
}

void release_publication() {
  Published& all = published();
  __atomic_store_n(&all.is_awaited, false, __ATOMIC_RELEASE);
  all.waiters.wake_all();
}

Result<void> await_publication(File* file) {
  Published& all = published();
  if (!__atomic_load_n(&all.is_awaited, __ATOMIC_ACQUIRE)) return {};
  if (file->inode() != all.awaited.get()) return {};
  uint64_t none = 0;
  __atomic_compare_exchange_n(&all.deadline, &none, Deadline::after(all.longest_wait).at, false,
                              __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  const WaitResult waited =
      all.waiters.wait([&all] { return !__atomic_load_n(&all.is_awaited, __ATOMIC_ACQUIRE); },
                       Deadline::at_nanoseconds(__atomic_load_n(&all.deadline, __ATOMIC_ACQUIRE)));
  if (waited == WaitResult::Interrupted) return Errno::Restart;
  if (waited == WaitResult::TimedOut) release_publication();
  return {};
}

Result<void> build_published(TreeDirectory* processes) {
  Result<RefPtr<TreeDirectory>> net = make_directories(processes, "net", 0555);
  if (net.is_error()) return net.error();
  for (size_t i = 0; i < array_size(kNames); ++i) {
    Result<void> added = add_generated(net.value().get(), kNames[i], write_published, i);
    if (added.is_error()) return added;
  }
  Result<RefPtr<TreeDirectory>> terminals = make_directories(processes, "tty", 0555);
  if (terminals.is_error()) return terminals.error();
  return add_generated(terminals.value().get(), kTerminals, write_published, kTerminalText);
}

}  // namespace runtime
