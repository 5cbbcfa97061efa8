// The set of areas, as AddressSpace uses it, with addresses as numbers.
#include "arguments.h"
#include "memory/area_set.h"

namespace kernel_memory {

namespace {

using runtime::Area;
using runtime::AreaName;
using runtime::PhysAddr;
using runtime::RefPtr;
using runtime::Result;

/// Something to map. Only who it is counts, and how many areas refer to it.
class Object : public runtime::Mappable {
 public:
  Result<PhysAddr> map_page(uint64_t, bool) override { return runtime::Errno::Range; }

 protected:
  void last_reference_gone() override {}  // these live as long as their set
};

constexpr uint32_t kObjects = 4;

Napi::Object to_object(Napi::Env env, const Area& area, uint32_t object) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("start", to_number(env, area.start));
  result.Set("end", to_number(env, area.end));
  result.Set("protection", area.protection);
  result.Set("isShared", area.is_shared);
  result.Set("name", static_cast<uint32_t>(area.name));
  result.Set("object", object);
  result.Set("offset", to_number(env, area.offset));
  return result;
}

class Areas : public Napi::ObjectWrap<Areas> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Areas",
        {InstanceMethod("insert", &Areas::insert), InstanceMethod("list", &Areas::list),
         InstanceMethod("find", &Areas::find),
         InstanceMethod("firstEndingAfter", &Areas::first_ending_after),
         InstanceMethod("splitAtBorders", &Areas::split_at_borders),
         InstanceMethod("removeRange", &Areas::remove_range),
         InstanceMethod("protect", &Areas::protect), InstanceMethod("covers", &Areas::covers),
         InstanceMethod("isFree", &Areas::is_free), InstanceMethod("findFree", &Areas::find_free),
         InstanceMethod("mergeAround", &Areas::merge_around),
         InstanceMethod("mappedBytes", &Areas::mapped_bytes),
         InstanceMethod("references", &Areas::references)});
  }
  explicit Areas(const Napi::CallbackInfo& info) : ObjectWrap(info) {}
  ~Areas() {
    for (size_t i = 0; i < set_.count(); ++i) delete set_.at(i);
  }

 private:
  /// insert({start, end, protection, isShared, name, object, offset}): an error number.
  Napi::Value insert(const Napi::CallbackInfo& info) {
    const Napi::Object from = info[0].As<Napi::Object>();
    Area* area = new Area();
    area->start = address_of(from.Get("start"));
    area->end = address_of(from.Get("end"));
    area->protection = static_cast<uint8_t>(word_of(from.Get("protection")));
    area->is_shared = from.Get("isShared").ToBoolean();
    area->name = static_cast<AreaName>(word_of(from.Get("name")));
    area->object = object_of(word_of(from.Get("object")));
    area->offset = address_of(from.Get("offset"));
    Result<void> done = set_.insert(area);
    if (done.is_error()) delete area;
    return to_error(info.Env(), done);
  }
  Napi::Value list(const Napi::CallbackInfo& info) {
    Napi::Array array = Napi::Array::New(info.Env(), set_.count());
    for (uint32_t i = 0; i < set_.count(); ++i) array.Set(i, convert(info.Env(), *set_.at(i)));
    return array;
  }
  Napi::Value find(const Napi::CallbackInfo& info) {
    const Area* area = set_.find(address_of(info[0]));
    if (!area) return info.Env().Undefined();
    return convert(info.Env(), *area);
  }
  Napi::Value first_ending_after(const Napi::CallbackInfo& info) {
    return to_number(info.Env(), set_.first_ending_after(address_of(info[0])));
  }
  /// splitAtBorders(start, end): an error number.
  Napi::Value split_at_borders(const Napi::CallbackInfo& info) {
    return to_error(info.Env(), set_.split_at_borders(address_of(info[0]), address_of(info[1])));
  }
  /// removeRange(start, end): what was taken out.
  Napi::Value remove_range(const Napi::CallbackInfo& info) {
    std::vector<Area*> taken;
    set_.remove_range(address_of(info[0]), address_of(info[1]),
                      [&](Area* area) { taken.push_back(area); });
    return give(info.Env(), taken);
  }
  /// protect(start, end, protection): changes the areas in the range, which has borders of its own.
  void protect(const Napi::CallbackInfo& info) {
    const uint64_t end = address_of(info[1]);
    for (size_t i = set_.first_ending_after(address_of(info[0]));
         i < set_.count() && set_.at(i)->start < end; ++i)
      set_.at(i)->protection = static_cast<uint8_t>(word_of(info[2]));
  }
  Napi::Value covers(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), set_.covers(address_of(info[0]), address_of(info[1])));
  }
  Napi::Value is_free(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), set_.is_free(address_of(info[0]), address_of(info[1])));
  }
  /// findFree(size, alignment, bottom, top): an address, 0 for none.
  Napi::Value find_free(const Napi::CallbackInfo& info) {
    return to_number(info.Env(), set_.find_free(address_of(info[0]), address_of(info[1]),
                                                address_of(info[2]), address_of(info[3])));
  }
  /// mergeAround(start, end): the areas that became part of their neighbours.
  Napi::Value merge_around(const Napi::CallbackInfo& info) {
    std::vector<Area*> taken;
    set_.merge_around(address_of(info[0]), address_of(info[1]),
                      [&](Area* area) { taken.push_back(area); });
    return give(info.Env(), taken);
  }
  Napi::Value mapped_bytes(const Napi::CallbackInfo& info) {
    return to_number(info.Env(), set_.mapped_bytes());
  }

  /// references(object): how many areas refer to it.
  Napi::Value references(const Napi::CallbackInfo& info) {
    return to_number(info.Env(), objects_[word_of(info[0]) - 1].reference_count() - 1);
  }

  Napi::Array give(Napi::Env env, const std::vector<Area*>& taken) {
    Napi::Array array = to_array(env, taken, [&](Area* area) { return convert(env, *area); });
    for (Area* area : taken) delete area;
    return array;
  }

  Napi::Object convert(Napi::Env env, const Area& area) {
    return to_object(env, area, id_of(area.object));
  }

  /// 0 is anonymous memory, n the n-th object.
  RefPtr<runtime::Mappable> object_of(uint32_t id) {
    return id == 0 ? RefPtr<runtime::Mappable>() : RefPtr<runtime::Mappable>(&objects_[id - 1]);
  }
  uint32_t id_of(const RefPtr<runtime::Mappable>& object) {
    return object ? static_cast<uint32_t>(static_cast<Object*>(object.get()) - objects_) + 1 : 0;
  }

  Object objects_[kObjects];
  runtime::AreaSet set_;
};

}  // namespace

void register_areas(Napi::Env env, Napi::Object exports) {
  exports.Set("Areas", Areas::define(env));
}

}  // namespace kernel_memory
