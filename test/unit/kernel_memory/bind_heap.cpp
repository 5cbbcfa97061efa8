// The kernel heap in the frames of host_memory. Blocks are known by their physical address.
#include "arguments.h"
#include "linux/process_info.h"
#include "memory/frames.h"

namespace runtime {

void* heap_allocate(size_t size);
void heap_deallocate(void* memory);

}  // namespace runtime

namespace kernel_memory {

namespace {

uint8_t* block_at(const Napi::Value& value) {
  return static_cast<uint8_t*>(runtime::phys_to_virt(runtime::PhysAddr(address_of(value))));
}

/// heapAllocate(size): a physical address, or undefined.
Napi::Value allocate(const Napi::CallbackInfo& info) {
  void* const block = runtime::heap_allocate(address_of(info[0]));
  if (!block) return info.Env().Undefined();
  return to_number(info.Env(), runtime::virt_to_phys(block).value);
}

/// heapFree(address); undefined is the null pointer.
void release(const Napi::CallbackInfo& info) {
  runtime::heap_deallocate(info[0].IsUndefined() ? nullptr : block_at(info[0]));
}

/// fill(address, size, byte)
void fill(const Napi::CallbackInfo& info) {
  std::fill_n(block_at(info[0]), address_of(info[1]), static_cast<uint8_t>(word_of(info[2])));
}

/// holds(address, size, byte): true when every byte of the block is `byte`.
Napi::Value holds(const Napi::CallbackInfo& info) {
  const uint8_t* const block = block_at(info[0]);
  const uint8_t byte = static_cast<uint8_t>(word_of(info[2]));
  const bool same = std::all_of(block, block + address_of(info[1]),
                                [byte](uint8_t each) { return each == byte; });
  return Napi::Boolean::New(info.Env(), same);
}

}  // namespace

void register_heap(Napi::Env env, Napi::Object exports) {
  exports.Set("heapAllocate", Napi::Function::New(env, allocate));
  exports.Set("heapFree", Napi::Function::New(env, release));
  exports.Set("heapBytes", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return to_number(info.Env(), runtime::kernel_heap_bytes());
              }));
  exports.Set("fill", Napi::Function::New(env, fill));
  exports.Set("holds", Napi::Function::New(env, holds));
}

}  // namespace kernel_memory
