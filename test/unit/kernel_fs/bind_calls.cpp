// The system calls as functions of JavaScript: numbers and buffers in, the result or -errno out.
#include <string>

#include "arguments.h"
#include "linux/system_calls.h"

namespace kernel_fs {

namespace {

/// One argument, converted to what the handler takes. Strings live as long as the call; behind them
/// is slack, because the kernel copies strings in chunks.
class Argument {
 public:
  explicit Argument(const Napi::Value& value) {
    if (value.IsString()) {
      text_ = value.As<Napi::String>().Utf8Value();
      text_.push_back('\0');
      text_.append(512, '!');
      word_ = reinterpret_cast<uint64_t>(text_.data());
    } else {
      word_ = word_of(value);
    }
  }
  template <typename T>
  T to(T*) const {
    return static_cast<T>(word_);
  }
  template <typename T>
  runtime::UserPtr<T> to(runtime::UserPtr<T>*) const {
    return runtime::UserPtr<T>(word_);
  }

 private:
  std::string text_;
  uint64_t word_ = 0;
};

template <typename... Parameters, size_t... Index>
Napi::Value invoke(runtime::Result<uint64_t> (*handler)(Parameters...),
                   const Napi::CallbackInfo& info, std::index_sequence<Index...>) {
  const Argument arguments[sizeof...(Parameters) + 1] = {Argument(info[Index])...,
                                                         Argument(info.Env().Null())};
  runtime::Result<uint64_t> result =
      handler(arguments[Index].to(static_cast<Parameters*>(nullptr))...);
  if (result.is_error()) {
    return Napi::Number::New(info.Env(), -static_cast<int>(result.error()));
  }
  return Napi::Number::New(info.Env(), static_cast<double>(result.value()));
}

template <typename... Parameters>
void bind(Napi::Object calls, const char* name,
          runtime::Result<uint64_t> (*handler)(Parameters...)) {
  calls.Set(name, Napi::Function::New(
                      calls.Env(),
                      [handler](const Napi::CallbackInfo& info) {
                        return invoke(handler, info, std::index_sequence_for<Parameters...>());
                      },
                      name));
}

}  // namespace

void register_calls(Napi::Env env, Napi::Object exports) {
  Napi::Object calls = Napi::Object::New(env);
#define BIND(name) bind(calls, #name, runtime::sys_##name)
  BIND(read), BIND(write), BIND(close), BIND(ioctl), BIND(pread64), BIND(pwrite64), BIND(readv);
  BIND(writev), BIND(dup), BIND(dup2), BIND(sendfile), BIND(fcntl), BIND(dup3), BIND(preadv);
  BIND(pwritev), BIND(copy_file_range), BIND(preadv2), BIND(pwritev2), BIND(close_range);
  BIND(open), BIND(stat), BIND(fstat), BIND(lstat), BIND(lseek), BIND(access), BIND(flock);
  BIND(fsync), BIND(fdatasync), BIND(truncate), BIND(ftruncate), BIND(getcwd), BIND(chdir);
  BIND(fchdir), BIND(rename), BIND(mkdir), BIND(rmdir), BIND(creat), BIND(link), BIND(unlink);
  BIND(symlink), BIND(readlink), BIND(chmod), BIND(fchmod), BIND(chown), BIND(fchown);
  BIND(lchown), BIND(umask), BIND(statfs), BIND(fstatfs), BIND(sync), BIND(getdents64);
  BIND(fadvise64), BIND(openat), BIND(mkdirat), BIND(fchownat), BIND(newfstatat), BIND(unlinkat);
  BIND(renameat), BIND(linkat), BIND(symlinkat), BIND(readlinkat), BIND(fchmodat);
  BIND(faccessat), BIND(utimensat), BIND(fallocate), BIND(renameat2), BIND(memfd_create);
  BIND(statx), BIND(openat2), BIND(faccessat2);
#undef BIND
  exports.Set("calls", calls);
}

}  // namespace kernel_fs
