// Page tables in the frames of host_memory.
#include "arguments.h"
#include "host_memory.h"
#include "lib/format.h"
#include "memory/frames.h"
#include "memory/page_table.h"

namespace kernel_memory {

namespace {

using runtime::PhysAddr;
using runtime::Result;

PhysAddr new_root() {
  Result<PhysAddr> root = runtime::allocate_frame();
  RUNTIME_ASSERT(!root.is_error());
  return root.value();
}

class PageTable : public Napi::ObjectWrap<PageTable> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "PageTable",
        {InstanceMethod("map", &PageTable::map), InstanceMethod("mapLarge", &PageTable::map_large),
         InstanceMethod("find", &PageTable::find),
         InstanceMethod("translates", &PageTable::translates),
         InstanceMethod("walk", &PageTable::walk), InstanceMethod("clear", &PageTable::clear),
         InstanceMethod("freeTables", &PageTable::free_tables),
         InstanceMethod("tableBytes", &PageTable::table_bytes)});
  }
  /// Takes one frame for the root, which stays taken.
  explicit PageTable(const Napi::CallbackInfo& info) : ObjectWrap(info), tables_(new_root()) {}

 private:
  struct Leaf {
    uint64_t page;
    uint64_t entry;
    uint64_t size;
  };

  /// map(address, entry): an error number.
  Napi::Value map(const Napi::CallbackInfo& info) {
    Result<uint64_t*> entry = tables_.find_or_create(long_of(info[0]));
    if (!entry.is_error()) *entry.value() = long_of(info[1]);
    return to_error(info.Env(), entry);
  }
  /// mapLarge(address, entry): an error number.
  Napi::Value map_large(const Napi::CallbackInfo& info) {
    Result<uint64_t*> entry = tables_.directory_entry(long_of(info[0]));
    if (!entry.is_error()) *entry.value() = long_of(info[1]) | runtime::kPageLarge;
    return to_error(info.Env(), entry);
  }
  /// find(address): the entry, or undefined when there is no table for it.
  Napi::Value find(const Napi::CallbackInfo& info) {
    const uint64_t* entry = tables_.find(long_of(info[0]));
    if (!entry) return info.Env().Undefined();
    return to_long(info.Env(), *entry);
  }
  /// translates(address): boolean.
  Napi::Value translates(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), tables_.translates(long_of(info[0])));
  }
  /// walk(start, end): { error, leaves: [page, entry, size][] }.
  Napi::Value walk(const Napi::CallbackInfo& info) { return visit(info, false); }
  /// clear(start, end): as walk, and empties each leaf.
  Napi::Value clear(const Napi::CallbackInfo& info) { return visit(info, true); }

  Napi::Value visit(const Napi::CallbackInfo& info, bool empties) {
    Napi::Env env = info.Env();
    std::vector<Leaf> leaves;
    Result<void> done = tables_.for_each_present(
        long_of(info[0]), long_of(info[1]), [&](uint64_t page, uint64_t* entry, uint64_t size) {
          leaves.push_back({page, *entry, size});
          if (empties) *entry = 0;
        });
    Napi::Object result = Napi::Object::New(env);
    result.Set("error", to_error(env, done));
    result.Set("leaves", to_array(env, leaves, [env](const Leaf& leaf) {
                 Napi::Array item = Napi::Array::New(env, 3);
                 item.Set(0u, to_long(env, leaf.page));
                 item.Set(1u, to_long(env, leaf.entry));
                 item.Set(2u, to_number(env, leaf.size));
                 return item;
               }));
    return result;
  }
  void free_tables(const Napi::CallbackInfo& info) {
    runtime::TranslationFlush flush;
    tables_.free_tables(long_of(info[0]), long_of(info[1]), &flush);
  }
  Napi::Value table_bytes(const Napi::CallbackInfo& info) {
    return to_number(info.Env(), tables_.table_bytes());
  }

  runtime::PageTable tables_;
};

}  // namespace

void register_page_table(Napi::Env env, Napi::Object exports) {
  exports.Set("PageTable", PageTable::define(env));
}

}  // namespace kernel_memory
