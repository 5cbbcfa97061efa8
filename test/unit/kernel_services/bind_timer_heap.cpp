// A heap of timers that are called by number.
#include <deque>

#include "arguments.h"
#include "time/timer_heap.h"

namespace kernel_services {

namespace {

struct NumberedTimer : runtime::TimerHeapEntry {
  uint32_t number = 0;
};

class Heap : public Napi::ObjectWrap<Heap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "TimerHeap",
                       {InstanceMethod("add", &Heap::add), InstanceMethod("remove", &Heap::remove),
                        InstanceMethod("first", &Heap::first), InstanceMethod("rank", &Heap::rank),
                        InstanceMethod("isLeftist", &Heap::is_leftist)});
  }
  explicit Heap(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  /// add(deadline): returns the timer's number, which counts up from 0.
  Napi::Value add(const Napi::CallbackInfo& info) {
    NumberedTimer& timer = timers_.emplace_back();
    timer.number = static_cast<uint32_t>(timers_.size() - 1);
    timer.deadline = long_of(info[0]);
    heap_.add(&timer);
    return Napi::Number::New(info.Env(), timer.number);
  }
  void remove(const Napi::CallbackInfo& info) { heap_.remove(&timers_.at(word_of(info[0]))); }
  Napi::Value first(const Napi::CallbackInfo& info) {
    const auto* first = static_cast<NumberedTimer*>(heap_.first());
    return first ? Napi::Number::New(info.Env(), first->number) : info.Env().Undefined();
  }
  /// How deep a merge goes.
  Napi::Value rank(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), heap_.first() ? heap_.first()->rank : 0);
  }
  /// Whether links, ranks and deadlines of all entries are as they have to be.
  Napi::Value is_leftist(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), is_good(heap_.first(), nullptr));
  }

  static bool is_good(const runtime::TimerHeapEntry* entry, const runtime::TimerHeapEntry* parent) {
    if (!entry) return true;
    const uint32_t left = entry->left ? entry->left->rank : 0;
    const uint32_t right = entry->right ? entry->right->rank : 0;
    return entry->parent == parent && entry->rank == right + 1 && left >= right &&
           (!parent || parent->deadline <= entry->deadline) && is_good(entry->left, entry) &&
           is_good(entry->right, entry);
  }

  std::deque<NumberedTimer> timers_;
  runtime::TimerHeap heap_;
};

}  // namespace

void register_timer_heap(Napi::Env env, Napi::Object exports) {
  exports.Set("TimerHeap", Heap::define(env));
}

}  // namespace kernel_services
