// System calls of the kernel and of Linux itself, called alike from JavaScript: a test can run one
// scenario on both.
#include <errno.h>
#include <napi.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "host/host.h"
#include "lib/move.h"
#include "linux/fd_table.h"
#include "linux/ipc/fifo.h"
#include "linux/system_calls.h"
#include "linux/vfs.h"
#include "netlink_bindings.h"
#include "ring_bindings.h"

namespace kernel_ipc {

namespace {

using Words = std::vector<uint64_t>;
using Handler = uint64_t (*)(const Words& words);

template <typename T>
T from_word(uint64_t word, T*) {
  return static_cast<T>(word);
}
template <typename T>
runtime::UserPtr<T> from_word(uint64_t word, runtime::UserPtr<T>*) {
  return runtime::UserPtr<T>(word);
}

template <typename... Arguments, size_t... Indices>
runtime::Result<uint64_t> invoke(runtime::Result<uint64_t> (*handler)(Arguments...),
                                 const Words& words, std::index_sequence<Indices...>) {
  (void)words;
  return handler(from_word(words[Indices], static_cast<Arguments*>(nullptr))...);
}

template <typename... Arguments>
uint64_t call_handler(runtime::Result<uint64_t> (*handler)(Arguments...), const Words& words) {
  const runtime::Result<uint64_t> result =
      invoke(handler, words, std::index_sequence_for<Arguments...>());
  if (result.is_error()) return -static_cast<uint64_t>(result.error());
  return result.value();
}

struct SystemCall {
  long number;
  Handler handler;
};

/// The calls that the host can make: linux/ipc, linux/fs and linux/io.cpp.
const std::map<std::string, SystemCall>& system_calls() {
#define CALL(number, name)                                                                \
  {                                                                                       \
#name, {                                                                              \
      number, [](const Words& words) { return call_handler(runtime::sys_##name, words); } \
    }                                                                                     \
  }
  static const std::map<std::string, SystemCall> calls = {
      CALL(0, read),
      CALL(1, write),
      CALL(2, open),
      CALL(3, close),
      CALL(5, fstat),
      CALL(8, lseek),
      CALL(7, poll),
      CALL(16, ioctl),
      CALL(20, writev),
      CALL(22, pipe),
      CALL(23, select),
      CALL(32, dup),
      CALL(41, socket),
      CALL(42, connect),
      CALL(43, accept),
      CALL(44, sendto),
      CALL(45, recvfrom),
      CALL(46, sendmsg),
      CALL(47, recvmsg),
      CALL(48, shutdown),
      CALL(49, bind),
      CALL(50, listen),
      CALL(51, getsockname),
      CALL(52, getpeername),
      CALL(53, socketpair),
      CALL(54, setsockopt),
      CALL(55, getsockopt),
      CALL(72, fcntl),
      CALL(82, rename),
      CALL(83, mkdir),
      CALL(84, rmdir),
      CALL(86, link),
      CALL(87, unlink),
      CALL(90, chmod),
      CALL(213, epoll_create),
      CALL(232, epoll_wait),
      CALL(233, epoll_ctl),
      CALL(253, inotify_init),
      CALL(270, pselect6),
      CALL(271, ppoll),
      CALL(281, epoll_pwait),
      CALL(282, signalfd),
      CALL(283, timerfd_create),
      CALL(284, eventfd),
      CALL(288, accept4),
      CALL(289, signalfd4),
      CALL(290, eventfd2),
      CALL(291, epoll_create1),
      CALL(293, pipe2),
      CALL(299, recvmmsg),
      CALL(307, sendmmsg),
      CALL(441, epoll_pwait2),
      CALL(254, inotify_add_watch),
      CALL(255, inotify_rm_watch),
      CALL(286, timerfd_settime),
      CALL(287, timerfd_gettime),
      CALL(294, inotify_init1),
  };
#undef CALL
  return calls;
}

/// A number, a bigint, null, or bytes whose address is meant.
uint64_t word_of(const Napi::Value& value) {
  if (value.IsNumber()) return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
  if (value.IsBigInt()) {
    bool lossless = false;
    return value.As<Napi::BigInt>().Uint64Value(&lossless);
  }
  if (value.IsTypedArray()) {
    auto array = value.As<Napi::TypedArray>();
    return reinterpret_cast<uint64_t>(array.ArrayBuffer().Data()) + array.ByteOffset();
  }
  return 0;
}

Words words_of(const Napi::CallbackInfo& info) {
  Words words(6, 0);
  for (size_t i = 1; i < info.Length() && i <= words.size(); ++i) words[i - 1] = word_of(info[i]);
  return words;
}

const SystemCall& call_named(const Napi::Value& name) {
  return system_calls().at(name.As<Napi::String>());
}

Napi::Value number(Napi::Env env, uint64_t result) {
  return Napi::Number::New(env, static_cast<double>(static_cast<int64_t>(result)));
}

/// kernel(name, ...arguments): the result, or -errno.
Napi::Value call_kernel(const Napi::CallbackInfo& info) {
  host::reset_thread();
  return number(info.Env(), call_named(info[0]).handler(words_of(info)));
}

/// linux(name, ...arguments): the same from the system that the test runs on.
Napi::Value call_linux(const Napi::CallbackInfo& info) {
  const Words w = words_of(info);
  const long result = syscall(call_named(info[0]).number, w[0], w[1], w[2], w[3], w[4], w[5]);
  return number(info.Env(), static_cast<uint64_t>(result < 0 ? -errno : result));
}

/// kernelAsync(name, ...arguments): the call on a thread of its own; a promise of the result.
/// Buffers among the arguments are kept until then, what they point at is not.
Napi::Value call_kernel_async(const Napi::CallbackInfo& info) {
  struct Call {
    Napi::Promise::Deferred deferred;
    Napi::ThreadSafeFunction done;
    std::thread thread;
    uint64_t result;
    std::vector<Napi::ObjectReference> kept;
  };
  const Handler handler = call_named(info[0]).handler;
  const Words words = words_of(info);
  auto* call = new Call{Napi::Promise::Deferred::New(info.Env()), {}, {}, 0, {}};
  for (size_t i = 1; i < info.Length(); ++i) {
    if (info[i].IsObject()) call->kept.push_back(Napi::Persistent(info[i].As<Napi::Object>()));
  }
  call->done = Napi::ThreadSafeFunction::New(
      info.Env(), Napi::Function::New(info.Env(), [](const Napi::CallbackInfo&) {}), "system call",
      0, 1);
  call->thread = std::thread([call, handler, words] {
    call->result = handler(words);
    call->done.BlockingCall(call, [](Napi::Env env, Napi::Function, Call* finished) {
      finished->thread.join();
      finished->deferred.Resolve(number(env, finished->result));
      finished->done.Release();
      delete finished;
    });
  });
  return call->deferred.Promise();
}

/// address(bytes): where they are, as a bigint.
Napi::Value address(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), word_of(info[0]));
}

Napi::Value advance(const Napi::CallbackInfo& info) {
  host::advance_clock(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  return info.Env().Undefined();
}

/// sendSignal(signal, code, value)
Napi::Value send_signal(const Napi::CallbackInfo& info) {
  host::send_signal(info[0].As<Napi::Number>(), info[1].As<Napi::Number>(), word_of(info[2]));
  return info.Env().Undefined();
}

Napi::Value clear_signals(const Napi::CallbackInfo& info) {
  host::clear_signals();
  return info.Env().Undefined();
}

Napi::Value limit_frames(const Napi::CallbackInfo& info) {
  host::limit_frames(info[0].As<Napi::Number>().Int64Value());
  return info.Env().Undefined();
}

/// state(): what the host can see of the kernel.
Napi::Value state(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  int descriptors = 0;
  for (int fd = runtime::fd_next(0); fd >= 0; fd = runtime::fd_next(fd + 1)) ++descriptors;
  result.Set("sleepers", host::sleeping_threads());
  result.Set("frames", static_cast<double>(host::frames_in_use()));
  result.Set("descriptors", descriptors);
  result.Set("brokenPipes", host::broken_pipes());
  result.Set("signalMask", Napi::BigInt::New(info.Env(), host::signal_mask()));
  result.Set("masksLeftToHandlers", host::masks_left_to_handlers());
  return result;
}

}  // namespace

}  // namespace kernel_ipc

/// A cpio archive of nothing but its trailer.
alignas(4096) static const char kEmptyArchive[] =
    "070701"                            // newc
    "00000000000000000000000000000000"  // inode, mode, user, group
    "00000001000000000000000000000000"  // links, time, size, device
    "000000000000000000000000"          // device and raw device
    "0000000B00000000"                  // size of the name, check
    "TRAILER!!!\0\0\0";

Napi::Object register_kernel_ipc(Napi::Env env) {
  using namespace kernel_ipc;
  const runtime::StringView archive(kEmptyArchive, sizeof(kEmptyArchive) - 1);
  const runtime::Result<void> mounted = runtime::vfs_initialise(archive, archive, false);
  if (mounted.is_error()) Napi::Error::New(env, "no file system").ThrowAsJavaScriptException();
  runtime::fifo_initialise();
  Napi::Object exports = Napi::Object::New(env);
  exports.Set("kernel", Napi::Function::New<call_kernel>(env));
  exports.Set("kernelAsync", Napi::Function::New<call_kernel_async>(env));
  exports.Set("linux", Napi::Function::New<call_linux>(env));
  exports.Set("address", Napi::Function::New<address>(env));
  exports.Set("advance", Napi::Function::New<advance>(env));
  exports.Set("sendSignal", Napi::Function::New<send_signal>(env));
  exports.Set("clearSignals", Napi::Function::New<clear_signals>(env));
  exports.Set("limitFrames", Napi::Function::New<limit_frames>(env));
  exports.Set("setInterfaces", Napi::Function::New<set_interfaces>(env));
  register_ring(env, exports);
  exports.Set("state", Napi::Function::New<state>(env));
  return exports;
}
