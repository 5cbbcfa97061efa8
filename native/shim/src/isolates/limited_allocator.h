// ArrayBuffers of an isolate that another one has started.
#ifndef RUNTIME_SHIM_ISOLATES_LIMITED_ALLOCATOR_H
#define RUNTIME_SHIM_ISOLATES_LIMITED_ALLOCATOR_H

#include <node.h>
#include <v8.h>

#include <cstdlib>

namespace runtime {

/**
 * Gives an isolate memory until its ArrayBuffers have so many bytes. Buffers that came from others count, those
 * that were sent away do not: V8 knows which it has. It outlives its isolate as long as others have memory from
 * it.
 */
class LimitedAllocator final : public node::ArrayBufferAllocator {
 public:
  explicit LimitedAllocator(size_t most) : most_(most) {}

  void* Allocate(size_t length) override {
    return MayHave(length) ? std::calloc(length, 1) : nullptr;
  }
  void* AllocateUninitialized(size_t length) override {
    return MayHave(length) ? std::malloc(length) : nullptr;
  }
  void Free(void* data, size_t) override { std::free(data); }
  node::NodeArrayBufferAllocator* GetImpl() override { return nullptr; }

 private:
  // V8 collects garbage and asks again when it gets none.
  bool MayHave(size_t length) const {
    v8::Isolate* const isolate = v8::Isolate::TryGetCurrent();
    if (isolate == nullptr) return true;
    const int64_t has = isolate->AdjustAmountOfExternalAllocatedMemory(0);
    return length <= most_ && has <= static_cast<int64_t>(most_ - length);
  }

  const size_t most_;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_LIMITED_ALLOCATOR_H
