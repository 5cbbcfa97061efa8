// The boot loader's decompressor and its reader of system files.
#include <napi.h>

#include <memory>

#include "core/system_file.h"
#include "zstd/zstd.h"

Napi::Object register_kernel_loader(Napi::Env env);

namespace {

/// decompress(frame, output): null, or what is wrong. The frame is copied into memory of exactly its size, so
/// that a checker of memory sees reads behind it.
Napi::Value decompress(const Napi::CallbackInfo& info) {
  const auto frame = info[0].As<Napi::Uint8Array>();
  auto output = info[1].As<Napi::Uint8Array>();
  const auto decoder = std::make_unique<loader::ZstdDecoder>();
  const std::unique_ptr<uint8_t[]> input(new uint8_t[frame.ByteLength()]);
  std::copy_n(frame.Data(), frame.ByteLength(), input.get());
  const char* const problem =
      decoder->decode(input.get(), frame.ByteLength(), output.Data(), output.ByteLength());
  return problem ? Napi::String::New(info.Env(), problem) : info.Env().Null();
}

/// readSystemFile(bytes): { imageSize, initrdSize, entry, commandLine }, or what is wrong.
Napi::Value read_system_file(const Napi::CallbackInfo& info) {
  auto bytes = info[0].As<Napi::Uint8Array>();
  const Napi::Env env = info.Env();
  uint32_t size;
  if (const char* problem = loader::read_header_size(bytes.Data(), &size))
    return Napi::String::New(env, problem);
  if (size > bytes.ByteLength()) return Napi::String::New(env, "the header is cut short");
  loader::SystemFile file;
  if (const char* problem = loader::read_system_file(bytes.Data(), size, &file))
    return Napi::String::New(env, problem);
  auto result = Napi::Object::New(env);
  result["imageSize"] = Napi::Number::New(env, static_cast<double>(file.image_size));
  result["initrdSize"] = Napi::Number::New(env, static_cast<double>(file.initrd_size));
  result["entry"] = Napi::Number::New(env, file.entry);
  result["commandLine"] = Napi::String::New(env, file.command_line);
  return result;
}

}  // namespace

Napi::Object register_kernel_loader(Napi::Env env) {
  auto result = Napi::Object::New(env);
  result["decompress"] = Napi::Function::New(env, decompress);
  result["readSystemFile"] = Napi::Function::New(env, read_system_file);
  return result;
}
