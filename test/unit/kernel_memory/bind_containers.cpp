// Vector, List, RefPtr and String, with elements that count themselves.
#include <memory>

#include "arguments.h"
#include "lib/list.h"
#include "lib/ref.h"
#include "lib/string.h"
#include "lib/vector.h"

namespace kernel_memory {

namespace {

uint32_t live_items = 0;
uint32_t live_shared = 0;

/// An element that can only be moved, and says how many of its kind there are.
struct Item {
  Item() { ++live_items; }
  explicit Item(uint32_t number) : value(number) { ++live_items; }
  Item(Item&& other) : value(other.value) {
    other.value = 0;
    ++live_items;
  }
  Item& operator=(Item&& other) {
    value = other.value;
    if (this != &other) other.value = 0;
    return *this;
  }
  ~Item() { --live_items; }

  uint32_t value = 0;
};

class Vector : public Napi::ObjectWrap<Vector> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Vector",
        {InstanceMethod("push", &Vector::push), InstanceMethod("insert", &Vector::insert),
         InstanceMethod("reserve", &Vector::reserve), InstanceMethod("resize", &Vector::resize),
         InstanceMethod("remove", &Vector::remove),
         InstanceMethod("removeRange", &Vector::remove_range), InstanceMethod("pop", &Vector::pop),
         InstanceMethod("clear", &Vector::clear), InstanceMethod("items", &Vector::items),
         InstanceMethod("moveFrom", &Vector::move_from)});
  }
  explicit Vector(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  Napi::Value push(const Napi::CallbackInfo& info) {
    return to_error(info.Env(), items_->push(Item(word_of(info[0]))));
  }
  Napi::Value insert(const Napi::CallbackInfo& info) {
    return to_error(info.Env(), items_->insert(word_of(info[0]), Item(word_of(info[1]))));
  }
  Napi::Value reserve(const Napi::CallbackInfo& info) {
    return to_error(info.Env(), items_->reserve(word_of(info[0])));
  }
  Napi::Value resize(const Napi::CallbackInfo& info) {
    return to_error(info.Env(), items_->resize(word_of(info[0])));
  }
  void remove(const Napi::CallbackInfo& info) { items_->remove(word_of(info[0])); }
  void remove_range(const Napi::CallbackInfo& info) {
    items_->remove_range(word_of(info[0]), word_of(info[1]));
  }
  void pop(const Napi::CallbackInfo&) { items_->pop(); }
  void clear(const Napi::CallbackInfo&) { items_->clear(); }
  Napi::Value items(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    return to_array(env, *items_, [env](const Item& item) { return to_number(env, item.value); });
  }
  /// moveFrom(other): takes the other's items over through a fresh vector; the other is empty then.
  void move_from(const Napi::CallbackInfo& info) {
    Vector* const other = Unwrap(info[0].As<Napi::Object>());
    runtime::Vector<Item> taken(runtime::move(*other->items_));
    items_ = std::make_unique<runtime::Vector<Item>>();
    *items_ = runtime::move(taken);
  }

  std::unique_ptr<runtime::Vector<Item>> items_ = std::make_unique<runtime::Vector<Item>>();
};

struct Element {
  uint32_t padding = 0;  // the node is not at the element's start
  uint32_t value = 0;
  runtime::ListNode node;
};

class List : public Napi::ObjectWrap<List> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "List",
        {InstanceMethod("pushBack", &List::push_back),
         InstanceMethod("pushFront", &List::push_front),
         InstanceMethod("insertBefore", &List::insert_before),
         InstanceMethod("popFront", &List::pop_front), InstanceMethod("unlink", &List::unlink),
         InstanceMethod("isLinked", &List::is_linked), InstanceMethod("items", &List::items),
         InstanceMethod("takeIf", &List::take_if), InstanceMethod("isEmpty", &List::is_empty)});
  }
  /// new List(count): with elements 0 to count - 1, none of them linked.
  explicit List(const Napi::CallbackInfo& info) : ObjectWrap(info), elements_(word_of(info[0])) {
    for (uint32_t i = 0; i < elements_.size(); ++i) elements_[i].value = i;
  }

 private:
  using Elements = runtime::List<Element, &Element::node>;

  void push_back(const Napi::CallbackInfo& info) { list_.push_back(element(info[0])); }
  void push_front(const Napi::CallbackInfo& info) { list_.push_front(element(info[0])); }
  void insert_before(const Napi::CallbackInfo& info) {
    list_.insert_before(element(info[0]), element(info[1]));
  }
  Napi::Value pop_front(const Napi::CallbackInfo& info) {
    const Element* first = list_.pop_front();
    if (!first) return info.Env().Undefined();
    return to_number(info.Env(), first->value);
  }
  void unlink(const Napi::CallbackInfo& info) { Elements::remove(element(info[0])); }
  Napi::Value is_linked(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), element(info[0])->node.is_linked());
  }
  /// items(): in order, or undefined when the two directions or the ends disagree.
  Napi::Value items(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    std::vector<uint32_t> values;
    const Element* last = nullptr;
    for (Element* each = list_.front(); each; each = list_.next(each)) {
      values.push_back(each->value);
      last = each;
    }
    if (last != list_.back() || list_.is_empty() != values.empty()) return env.Undefined();
    return to_array(env, values, [env](uint32_t value) { return to_number(env, value); });
  }
  /// takeIf(divisor): unlinks the elements that it divides, during a walk; returns all in order.
  Napi::Value take_if(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    const uint32_t divisor = word_of(info[0]);
    std::vector<uint32_t> values;
    list_.for_each([&](Element* each) {
      values.push_back(each->value);
      if (each->value % divisor == 0) each->node.unlink();
    });
    return to_array(env, values, [env](uint32_t value) { return to_number(env, value); });
  }
  Napi::Value is_empty(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), list_.is_empty());
  }

  Element* element(const Napi::Value& value) { return &elements_.at(word_of(value)); }

  std::vector<Element> elements_;
  Elements list_;
};

class Shared : public runtime::RefCounted {
 public:
  Shared() { ++live_shared; }
  ~Shared() override { --live_shared; }
};
class Derived : public Shared {};

/// Numbered handles.
class Handles : public Napi::ObjectWrap<Handles> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Handles",
        {InstanceMethod("adopt", &Handles::adopt), InstanceMethod("upcast", &Handles::upcast),
         InstanceMethod("copy", &Handles::copy), InstanceMethod("move", &Handles::move),
         InstanceMethod("reset", &Handles::reset), InstanceMethod("count", &Handles::count),
         InstanceMethod("same", &Handles::same)});
  }
  /// new Handles(count): all empty.
  explicit Handles(const Napi::CallbackInfo& info) : ObjectWrap(info), handles_(word_of(info[0])) {}

 private:
  using Handle = runtime::RefPtr<Shared>;

  void adopt(const Napi::CallbackInfo& info) { at(info[0]) = Handle::adopt(new Shared()); }
  void upcast(const Napi::CallbackInfo& info) {
    at(info[0]) = runtime::RefPtr<Derived>::adopt(new Derived());
  }
  /// copy(to, from)
  void copy(const Napi::CallbackInfo& info) {
    const Handle& from = at(info[1]);
    at(info[0]) = from;
  }
  /// move(to, from)
  void move(const Napi::CallbackInfo& info) {
    Handle& from = at(info[1]);
    at(info[0]) = runtime::move(from);
  }
  void reset(const Napi::CallbackInfo& info) { at(info[0]) = nullptr; }
  /// count(handle): references to its object; 0 for an empty one.
  Napi::Value count(const Napi::CallbackInfo& info) {
    const Handle& handle = at(info[0]);
    return to_number(info.Env(), handle ? handle->reference_count() : 0);
  }
  Napi::Value same(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(),
                              at(info[0]) == at(info[1]) && !(at(info[0]) != at(info[1])));
  }

  Handle& at(const Napi::Value& value) { return handles_.at(word_of(value)); }

  std::vector<Handle> handles_;
};

class String : public Napi::ObjectWrap<String> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "String",
        {InstanceMethod("assign", &String::assign),
         InstanceMethod("assignPart", &String::assign_part),
         InstanceMethod("moveFrom", &String::move_from), InstanceMethod("text", &String::text)});
  }
  explicit String(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  Napi::Value assign(const Napi::CallbackInfo& info) {
    const std::string text = text_of(info[0]);
    return Napi::Boolean::New(info.Env(), string_.assign({text.data(), text.size()}));
  }
  /// assignPart(start): assigns a part of itself.
  Napi::Value assign_part(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), string_.assign(string_.view().from(word_of(info[0]))));
  }
  /// moveFrom(other): through a fresh string, so both ways of moving are used.
  void move_from(const Napi::CallbackInfo& info) {
    runtime::String taken(runtime::move(Unwrap(info[0].As<Napi::Object>())->string_));
    string_ = runtime::move(taken);
  }
  /// text(): undefined when the view and the C string disagree.
  Napi::Value text(const Napi::CallbackInfo& info) {
    const runtime::StringView view = string_.view();
    if (string_.c_string()[view.size] != '\0') return info.Env().Undefined();
    return Napi::String::New(info.Env(), view.data, view.size);
  }

  runtime::String string_;
};

/// viewFacts(text, other): what StringView says of them.
Napi::Value view_facts(const Napi::CallbackInfo& info) {
  const std::string text = text_of(info[0]);
  const std::string other = text_of(info[1]);
  const runtime::StringView view(text.data(), text.size());
  const runtime::StringView second(other.data(), other.size());
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("equal", view == second);
  result.Set("different", view != second);
  result.Set("startsWith", view.starts_with(second));
  result.Set("find", to_number(info.Env(), view.find(other.empty() ? '\0' : other[0])));
  return result;
}

}  // namespace

void register_containers(Napi::Env env, Napi::Object exports) {
  exports.Set("Vector", Vector::define(env));
  exports.Set("List", List::define(env));
  exports.Set("Handles", Handles::define(env));
  exports.Set("String", String::define(env));
  exports.Set("viewFacts", Napi::Function::New(env, view_facts));
  exports.Set("liveItems", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return to_number(info.Env(), live_items);
              }));
  exports.Set("liveShared", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return to_number(info.Env(), live_shared);
              }));
}

}  // namespace kernel_memory
