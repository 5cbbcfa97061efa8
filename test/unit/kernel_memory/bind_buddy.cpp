// The buddy allocator. Links live outside of the frames, and each use of one is recorded.
#include "arguments.h"
#include "memory/buddy.h"

namespace kernel_memory {

namespace {

using runtime::BuddyAllocator;
using runtime::FrameState;

class Buddy;
Buddy* current = nullptr;  // `link_of` is a plain function

class Buddy : public Napi::ObjectWrap<Buddy> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Buddy",
        {InstanceMethod("addRange", &Buddy::add_range),
         InstanceMethod("allocate", &Buddy::allocate), InstanceMethod("free", &Buddy::free),
         InstanceMethod("counts", &Buddy::counts), InstanceMethod("isManaged", &Buddy::is_managed),
         InstanceMethod("isFree", &Buddy::is_free), InstanceMethod("states", &Buddy::states),
         InstanceMethod("touched", &Buddy::touched)});
  }

  /// new Buddy(frameCount)
  explicit Buddy(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    const uint32_t count = word_of(info[0]);
    states_.resize(count);
    links_.resize(count);
    is_touched_.resize(count);
    allocator_.initialise(states_.data(), link_of, count);
  }

 private:
  static BuddyAllocator::Link* link_of(uint32_t frame) {
    current->is_touched_.at(frame) = true;
    return &current->links_[frame];
  }

  /// addRange(first, count): false when there are too many ranges.
  Napi::Value add_range(const Napi::CallbackInfo& info) {
    current = this;
    return Napi::Boolean::New(info.Env(), allocator_.add_range(word_of(info[0]), word_of(info[1])));
  }
  /// allocate(order): the first frame, or undefined.
  Napi::Value allocate(const Napi::CallbackInfo& info) {
    current = this;
    const uint32_t frame = allocator_.allocate(word_of(info[0]));
    if (frame == BuddyAllocator::kNone) return info.Env().Undefined();
    return to_number(info.Env(), frame);
  }
  /// free(frame, order)
  void free(const Napi::CallbackInfo& info) {
    current = this;
    allocator_.free(word_of(info[0]), word_of(info[1]));
  }
  /// counts(): free and managed frames.
  Napi::Value counts(const Napi::CallbackInfo& info) {
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("free", allocator_.free_frames());
    result.Set("managed", allocator_.managed_frames());
    return result;
  }
  Napi::Value is_managed(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), allocator_.is_managed(long_of(info[0])));
  }
  Napi::Value is_free(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), allocator_.is_free(word_of(info[0])));
  }
  /// states(): a copy of the frames' states.
  Napi::Value states(const Napi::CallbackInfo& info) {
    auto array = Napi::Uint32Array::New(info.Env(), states_.size());
    for (size_t i = 0; i < states_.size(); ++i) array[i] = states_[i].value;
    return array;
  }
  /// touched(): the frames whose content was used so far.
  Napi::Value touched(const Napi::CallbackInfo& info) {
    Napi::Array array = Napi::Array::New(info.Env());
    uint32_t count = 0;
    for (uint32_t frame = 0; frame < is_touched_.size(); ++frame)
      if (is_touched_[frame]) array.Set(count++, frame);
    return array;
  }

  BuddyAllocator allocator_;
  std::vector<FrameState> states_;
  std::vector<BuddyAllocator::Link> links_;
  std::vector<bool> is_touched_;
};

}  // namespace

void register_buddy(Napi::Env env, Napi::Object exports) {
  exports.Set("Buddy", Buddy::define(env));
}

}  // namespace kernel_memory
