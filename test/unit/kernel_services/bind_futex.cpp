// The futex table, driven by scripts of steps, and FUTEX_WAKE_OP's arithmetic.
#include <deque>

#include "arguments.h"
#include "linux/futex_operation.h"
#include "linux/futex_table.h"

namespace kernel_services {

namespace {

/// A waiter with a name, which is recorded when it is woken.
struct NamedWaiter : runtime::FutexWaiter {
  std::string name;
};

std::vector<std::string> woken_names;

void notify(runtime::FutexWaiter* waiter) {
  woken_names.push_back(static_cast<NamedWaiter*>(waiter)->name);
}

Napi::Value take_woken(Napi::Env env) {
  Napi::Array names = Napi::Array::New(env, woken_names.size());
  for (uint32_t i = 0; i < woken_names.size(); ++i) names.Set(i, woken_names[i]);
  woken_names.clear();
  return names;
}

/// A table that lives across calls from JavaScript.
class Table : public Napi::ObjectWrap<Table> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "FutexTable",
        {InstanceMethod("wait", &Table::wait), InstanceMethod("leave", &Table::leave),
         InstanceMethod("wake", &Table::wake), InstanceMethod("requeue", &Table::requeue),
         InstanceMethod("nextTicket", &Table::next_ticket)});
  }
  explicit Table(const Napi::CallbackInfo& info) : ObjectWrap(info), table_(notify) {}

 private:
  /// wait(name, address, bitset)
  void wait(const Napi::CallbackInfo& info) {
    NamedWaiter& waiter = waiters_.emplace_back();
    waiter.name = text_of(info[0]);
    waiter.address = word_of(info[1]);
    waiter.bitset = word_of(info[2]);
    table_.add(&waiter);
  }
  /// leave(name): true when it was still queued.
  Napi::Value leave(const Napi::CallbackInfo& info) {
    const std::string name = text_of(info[0]);
    for (NamedWaiter& waiter : waiters_) {
      if (waiter.name == name) return Napi::Boolean::New(info.Env(), table_.remove(&waiter));
    }
    return info.Env().Undefined();
  }
  /// wake(address, count, bitset): the names in order.
  Napi::Value wake(const Napi::CallbackInfo& info) {
    const unsigned count = table_.wake(word_of(info[0]), word_of(info[1]), word_of(info[2]));
    if (count != woken_names.size()) return info.Env().Undefined();
    return take_woken(info.Env());
  }
  /// requeue(from, to, wakeCount, moveCount, beforeTicket): [count, names of the woken].
  Napi::Value requeue(const Napi::CallbackInfo& info) {
    const unsigned count = table_.requeue(word_of(info[0]), word_of(info[1]), word_of(info[2]),
                                          word_of(info[3]), long_of(info[4]));
    Napi::Array result = Napi::Array::New(info.Env(), 2);
    result.Set(0u, count);
    result.Set(1u, take_woken(info.Env()));
    return result;
  }
  Napi::Value next_ticket(const Napi::CallbackInfo& info) {
    return to_long(info.Env(), table_.next_ticket());
  }

  runtime::FutexTable table_;
  std::deque<NamedWaiter> waiters_;
};

/// futexOperation(encoded, old): [new value, whether the test holds], or undefined when unknown.
Napi::Value futex_operation(const Napi::CallbackInfo& info) {
  runtime::FutexOperation operation;
  if (!runtime::decode_futex_operation(word_of(info[0]), &operation)) {
    return info.Env().Undefined();
  }
  const uint32_t old = word_of(info[1]);
  Napi::Array result = Napi::Array::New(info.Env(), 2);
  result.Set(0u, runtime::apply_futex_operation(operation, old));
  result.Set(1u, runtime::futex_comparison_holds(operation, old));
  return result;
}

}  // namespace

void register_futex(Napi::Env env, Napi::Object exports) {
  exports.Set("FutexTable", Table::define(env));
  exports.Set("futexOperation", Napi::Function::New(env, futex_operation));
}

}  // namespace kernel_services
