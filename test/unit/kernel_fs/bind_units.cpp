// Starting the kernel's file system over archives, the host parts' levers, and what has no call.
#include <sys/mman.h>

#include <cstring>
#include <memory>
#include <vector>

#include "arguments.h"
#include "host_kernel.h"
#include "lib/cpio.h"
#include "linux/fd_table.h"
#include "linux/fs/notify.h"
#include "linux/fs/page_tree.h"
#include "linux/fs/regular.h"
#include "linux/fs/socket_inode.h"
#include "linux/vfs.h"
#include "memory/frames.h"

namespace kernel_fs {

namespace {

using Napi::CallbackInfo;
using runtime::RefPtr;
using runtime::StringView;

/// Archives are page aligned, as the boot loader leaves them, and stay for the process's life.
StringView keep_aligned(const Napi::Value& value) {
  if (!value.IsTypedArray()) return StringView();
  auto bytes = value.As<Napi::Uint8Array>();
  if (bytes.ByteLength() == 0) return StringView();
  void* memory =
      mmap(nullptr, bytes.ByteLength(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(memory, bytes.Data(), bytes.ByteLength());
  return StringView(static_cast<char*>(memory), bytes.ByteLength());
}

/// boot(base, initrd, isWritable): closes all descriptors and starts over. Returns 0 or -errno.
Napi::Value boot(const CallbackInfo& info) {
  for (int at = runtime::fd_next(0); at >= 0; at = runtime::fd_next(at + 1)) {
    (void)runtime::fd_close(at).is_error();
  }
  auto result =
      runtime::vfs_initialise(keep_aligned(info[0]), keep_aligned(info[1]), info[2].ToBoolean());
  return Napi::Number::New(info.Env(), result.is_error() ? -static_cast<int>(result.error()) : 0);
}

/// readCpio(archive): names of the members, those of archives behind the first one too, or [offset, problem] as the
/// last element.
Napi::Value read_cpio(const CallbackInfo& info) {
  // Right at the end of a page, so that a read past the end faults.
  auto bytes = info[0].As<Napi::Uint8Array>();
  const size_t pages = (bytes.ByteLength() + 4095) / 4096 * 4096;
  auto* memory = static_cast<char*>(
      mmap(nullptr, pages + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(memory + pages, 4096, PROT_NONE);
  char* start = memory + pages - bytes.ByteLength();
  memcpy(start, bytes.Data(), bytes.ByteLength());
  runtime::CpioReader reader(StringView(start, bytes.ByteLength()));
  Napi::Array result = Napi::Array::New(info.Env());
  uint32_t count = 0;
  for (;;) {
    runtime::CpioEntry entry;
    auto found = reader.next(&entry);
    if (found.is_error()) {
      Napi::Array problem = Napi::Array::New(info.Env(), 2);
      problem.Set(0u, Napi::Number::New(info.Env(), static_cast<double>(reader.offset())));
      problem.Set(1u, Napi::String::New(info.Env(), reader.problem()));
      result.Set(count, problem);
      break;
    }
    if (!found.value()) {
      const StringView following = reader.following();
      if (following.is_empty()) break;
      reader = runtime::CpioReader(following);
      continue;
    }
    result.Set(count++, Napi::String::New(info.Env(), entry.name.data, entry.name.size));
  }
  munmap(memory, pages + 4096);
  return result;
}

runtime::RegularInode* regular_of(const Napi::Value& descriptor, RefPtr<runtime::File>* file) {
  auto found = runtime::fd_get(descriptor.ToNumber());
  if (found.is_error()) return nullptr;
  *file = found.take();
  return (*file)->inode() ? (*file)->inode()->as_regular() : nullptr;
}

/// mapPage(descriptor, index, forWrite): { address, isOwned, bytes } or -errno; the reference is
/// dropped again.
Napi::Value map_page(const CallbackInfo& info) {
  RefPtr<runtime::File> file;
  runtime::RegularInode* inode = regular_of(info[0], &file);
  if (!inode) return info.Env().Null();
  auto frame = inode->map_page(info[1].ToNumber().Uint32Value(), info[2].ToBoolean());
  if (frame.is_error()) return Napi::Number::New(info.Env(), -static_cast<int>(frame.error()));
  Napi::Object page = Napi::Object::New(info.Env());
  page.Set("address", Napi::BigInt::New(info.Env(), frame.value().value));
  auto bytes = Napi::Buffer<uint8_t>::Copy(
      info.Env(), static_cast<uint8_t*>(runtime::phys_to_virt(frame.value())), 4096);
  page.Set("bytes", bytes);
  runtime::release_frame(frame.value());
  return page;
}

/// pokePage(descriptor, index, offset, value): writes through a shared mapping.
Napi::Value poke_page(const CallbackInfo& info) {
  RefPtr<runtime::File> file;
  runtime::RegularInode* inode = regular_of(info[0], &file);
  if (!inode) return info.Env().Null();
  auto mapping = file->mappable(true);
  if (mapping.is_error()) {
    return Napi::Number::New(info.Env(), -static_cast<int>(mapping.error()));
  }
  auto frame = inode->map_page(info[1].ToNumber().Uint32Value(), true);
  if (frame.is_error()) return Napi::Number::New(info.Env(), -static_cast<int>(frame.error()));
  static_cast<uint8_t*>(runtime::phys_to_virt(frame.value()))[info[2].ToNumber().Uint32Value()] =
      static_cast<uint8_t>(info[3].ToNumber().Uint32Value());
  runtime::release_frame(frame.value());
  return Napi::Number::New(info.Env(), 0);
}

Napi::Value contiguous_pages(const CallbackInfo& info) {
  RefPtr<runtime::File> file;
  runtime::RegularInode* inode = regular_of(info[0], &file);
  if (!inode) return info.Env().Null();
  return Napi::BigInt::New(
      info.Env(),
      inode->contiguous_pages(info[1].ToNumber().Uint32Value(), info[2].ToNumber().Uint32Value())
          .value);
}

/// An observer that collects what it hears as lines of "events cookie name".
class Listener : public runtime::InodeObserver {
 public:
  void inode_event(uint32_t events, uint32_t cookie, StringView name) override {
    lines.push_back(std::to_string(events) + " " + std::to_string(cookie ? 1 : 0) + " " +
                    std::string(name.data, name.size));
  }
  void inode_gone() override { lines.push_back("gone"); }
  std::vector<std::string> lines;
};
std::vector<std::unique_ptr<Listener>> listeners;

/// watch(path): the listener's number, or -errno.
Napi::Value watch(const CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  auto inode = runtime::find_inode(StringView(path.data(), path.size()), true);
  if (inode.is_error()) return Napi::Number::New(info.Env(), -static_cast<int>(inode.error()));
  listeners.push_back(std::make_unique<Listener>());
  runtime::add_observer(inode.value().get(), listeners.back().get());
  return Napi::Number::New(info.Env(), static_cast<double>(listeners.size() - 1));
}

Napi::Value to_array(Napi::Env env, const std::vector<std::string>& lines) {
  Napi::Array array = Napi::Array::New(env, lines.size());
  for (uint32_t i = 0; i < lines.size(); ++i) array.Set(i, lines[i]);
  return array;
}

Napi::Value heard(const CallbackInfo& info) {
  Listener& listener = *listeners.at(info[0].ToNumber().Uint32Value());
  Napi::Value lines = to_array(info.Env(), listener.lines);
  listener.lines.clear();
  return lines;
}

Napi::Value unwatch(const CallbackInfo& info) {
  runtime::remove_observer(listeners.at(info[0].ToNumber().Uint32Value()).get());
  return info.Env().Undefined();
}

Napi::Value bind_socket(const CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  auto made = runtime::create_socket_inode(StringView(path.data(), path.size()), 0777, nullptr);
  return Napi::Number::New(info.Env(), made.is_error() ? -static_cast<int>(made.error()) : 0);
}

Napi::Value find_socket(const CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  auto found = runtime::find_socket_inode(StringView(path.data(), path.size()));
  return Napi::Number::New(info.Env(), found.is_error() ? -static_cast<int>(found.error()) : 0);
}

/// A PageTree over random operations, compared with a plain map by the caller.
class Tree : public Napi::ObjectWrap<Tree> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "PageTree",
        {InstanceMethod("get", &Tree::get), InstanceMethod("set", &Tree::set),
         InstanceMethod("clear", &Tree::clear), InstanceMethod("next", &Tree::next)});
  }
  explicit Tree(const CallbackInfo& info) : ObjectWrap(info) {}

 private:
  Napi::Value get(const CallbackInfo& info) {
    return Napi::BigInt::New(info.Env(), tree_.get(word_of(info[0])));
  }
  Napi::Value set(const CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(),
                              !tree_.set(word_of(info[0]), word_of(info[1])).is_error());
  }
  Napi::Value clear(const CallbackInfo& info) {
    tree_.clear(word_of(info[0]));
    return info.Env().Undefined();
  }
  Napi::Value next(const CallbackInfo& info) {
    uint64_t found = 0;
    uint64_t value = 0;
    if (!tree_.next(word_of(info[0]), &found, &value)) return info.Env().Null();
    return Napi::BigInt::New(info.Env(), found);
  }
  runtime::PageTree tree_;
};

void set(Napi::Object exports, const char* name, Napi::Value (*function)(const CallbackInfo&)) {
  exports.Set(name, Napi::Function::New(exports.Env(), function, name));
}

}  // namespace

void register_units(Napi::Env env, Napi::Object exports) {
  set(exports, "boot", boot);
  set(exports, "readCpio", read_cpio);
  set(exports, "mapPage", map_page);
  set(exports, "pokePage", poke_page);
  set(exports, "contiguousPages", contiguous_pages);
  set(exports, "watch", watch);
  set(exports, "heard", heard);
  set(exports, "unwatch", unwatch);
  set(exports, "bindSocket", bind_socket);
  set(exports, "findSocket", find_socket);
  exports.Set("PageTree", Tree::define(env));
  set(exports, "setMemory", [](const CallbackInfo& info) {
    host_kernel::set_memory(word_of(info[0]));
    return info.Env().Undefined();
  });
  set(exports, "framesInUse", [](const CallbackInfo& info) -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(host_kernel::frames_in_use()));
  });
  set(exports, "allocationsInUse", [](const CallbackInfo& info) -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(host_kernel::allocations_in_use()));
  });
  set(exports, "failAllocation", [](const CallbackInfo& info) {
    host_kernel::fail_allocation(word_of(info[0]));
    return info.Env().Undefined();
  });
  set(exports, "forbidRange", [](const CallbackInfo& info) {
    host_kernel::forbid_range(word_of(info[0]), word_of(info[1]));
    return info.Env().Undefined();
  });
  set(exports, "addressOf", [](const CallbackInfo& info) -> Napi::Value {
    return Napi::BigInt::New(info.Env(), word_of(info[0]));
  });
  set(exports, "takeUnmapped", [](const CallbackInfo& info) -> Napi::Value {
    std::vector<std::string> pages;
    for (auto& unmapped : host_kernel::take_unmapped()) {
      pages.push_back(std::to_string(unmapped.first_page));
    }
    return to_array(info.Env(), pages);
  });
  set(exports, "takeLog", [](const CallbackInfo& info) -> Napi::Value {
    return to_array(info.Env(), host_kernel::take_log());
  });
  set(exports, "takeConsole", [](const CallbackInfo& info) -> Napi::Value {
    return Napi::String::New(info.Env(), host_kernel::take_console());
  });
  set(exports, "typeConsole", [](const CallbackInfo& info) {
    host_kernel::type_console(info[0].As<Napi::String>());
    return info.Env().Undefined();
  });
}

}  // namespace kernel_fs
