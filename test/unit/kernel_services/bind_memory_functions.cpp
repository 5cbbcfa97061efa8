// The kernel's memory functions against the C library's.
#include <cstring>

#include "arguments.h"

extern "C" {
void* kernel_memcpy(void* destination, const void* source, size_t size);
void* kernel_memmove(void* destination, const void* source, size_t size);
void* kernel_memset(void* destination, int value, size_t size);
int kernel_memcmp(const void* a, const void* b, size_t size);
size_t kernel_strlen(const char* text);
}

namespace kernel_services {

namespace {

constexpr size_t kArena = 24 * 1024;
constexpr size_t kMargin = 16;  // unchanged bytes around what is written

void fill(std::vector<uint8_t>& bytes, unsigned seed) {
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>((seed = seed * 1103515245 + 12345) >> 16);
}

/// checkMove(size, from, to): whether memmove (and memcpy, without overlap) do what libc's does.
Napi::Value check_move(const Napi::CallbackInfo& info) {
  const size_t size = word_of(info[0]);
  const size_t from = word_of(info[1]);
  const size_t to = word_of(info[2]);
  std::vector<uint8_t> expected(kArena);
  fill(expected, 1);
  std::vector<uint8_t> moved = expected;
  std::vector<uint8_t> copied = expected;
  memmove(expected.data() + to, expected.data() + from, size);
  bool right = kernel_memmove(moved.data() + to, moved.data() + from, size) == moved.data() + to;
  right = right && moved == expected;
  if (from + size <= to || to + size <= from) {
    kernel_memcpy(copied.data() + to, copied.data() + from, size);
    right = right && copied == expected;
  }
  return Napi::Boolean::New(info.Env(), right);
}

/// checkSet(size, offset): whether memset does what libc's does.
Napi::Value check_set(const Napi::CallbackInfo& info) {
  const size_t size = word_of(info[0]);
  const size_t offset = kMargin + word_of(info[1]);
  std::vector<uint8_t> expected(kArena);
  fill(expected, 2);
  std::vector<uint8_t> set = expected;
  memset(expected.data() + offset, 0x1a5, size);
  kernel_memset(set.data() + offset, 0x1a5, size);
  return Napi::Boolean::New(info.Env(), set == expected);
}

/// compare(a, b): the sign of memcmp over the shorter length.
Napi::Value compare(const Napi::CallbackInfo& info) {
  const Bytes a = bytes_of(info[0]);
  const Bytes b = bytes_of(info[1]);
  const int result = kernel_memcmp(a.data, b.data, std::min(a.size, b.size));
  return Napi::Number::New(info.Env(), (result > 0) - (result < 0));
}

/// lengthOf(text): strlen.
Napi::Value length_of(const Napi::CallbackInfo& info) {
  const std::string text = text_of(info[0]);
  return Napi::Number::New(info.Env(), static_cast<double>(kernel_strlen(text.c_str())));
}

}  // namespace

void register_memory_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("checkMove", Napi::Function::New(env, check_move));
  exports.Set("checkSet", Napi::Function::New(env, check_set));
  exports.Set("compare", Napi::Function::New(env, compare));
  exports.Set("lengthOf", Napi::Function::New(env, length_of));
}

}  // namespace kernel_services
