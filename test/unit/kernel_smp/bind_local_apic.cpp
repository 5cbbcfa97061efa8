// The local APIC's register layer over pretended registers; accesses are recorded.
#include <string>
#include <vector>

#include "bindings.h"
#include "interrupts/local_apic.h"

namespace {

/// "0x830=0x5000004f1" for a write, "0x802" for a read, "fence" for a fence.
std::vector<std::string> accesses;
uint64_t base_register = 0;
uint32_t id_register = 0;

std::string hex(uint64_t value) {
  char text[24];
  snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

namespace runtime {

uint64_t apic_read_msr(uint32_t msr) {
  if (msr == 0x1b) return base_register;
  accesses.push_back(hex(msr));
  return msr == 0x802 ? id_register : 0x1234;
}

void apic_write_msr(uint32_t msr, uint64_t value) {
  accesses.push_back(hex(msr) + "=" + hex(value));
  if (msr == 0x1b) base_register = value;
}

void apic_store_fence() { accesses.push_back("fence"); }

}  // namespace runtime

namespace kernel_smp {

namespace {

Napi::Value take_accesses(Napi::Env env) {
  Napi::Array array = Napi::Array::New(env, accesses.size());
  for (uint32_t i = 0; i < accesses.size(); ++i) array.Set(i, accesses[i]);
  accesses.clear();
  return array;
}

class Apic : public Napi::ObjectWrap<Apic> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "LocalApic",
        {InstanceMethod("isX2Apic", &Apic::is_x2apic),
         InstanceMethod("highestId", &Apic::highest_id), InstanceMethod("id", &Apic::id),
         InstanceMethod("read", &Apic::read), InstanceMethod("write", &Apic::write),
         InstanceMethod("send", &Apic::send), InstanceMethod("enterMode", &Apic::enter_mode),
         InstanceMethod("word", &Apic::word)});
  }
  /// LocalApic(hasX2Apic, baseRegister, id)
  explicit Apic(const Napi::CallbackInfo& info) : ObjectWrap(info), page_(1024, 0) {
    base_register = info[1].As<Napi::Number>().Uint32Value();
    id_register = info[2].As<Napi::Number>().Uint32Value();
    page_[runtime::apic_register::kId / 4] = id_register << 24;
    accesses.clear();
    apic_.start(info[0].As<Napi::Boolean>(), page_.data());
  }

 private:
  static uint32_t number(const Napi::Value& value) {
    return value.As<Napi::Number>().Uint32Value();
  }

  Napi::Value is_x2apic(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), apic_.is_x2apic());
  }
  Napi::Value highest_id(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), apic_.highest_id());
  }
  Napi::Value id(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), apic_.id());
  }
  Napi::Value read(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), apic_.read(number(info[0])));
  }
  /// The rest return what was accessed since the last call.
  Napi::Value write(const Napi::CallbackInfo& info) {
    apic_.write(number(info[0]), number(info[1]));
    return take_accesses(info.Env());
  }
  Napi::Value send(const Napi::CallbackInfo& info) {
    apic_.send(number(info[0]), number(info[1]));
    return take_accesses(info.Env());
  }
  /// enterMode(baseRegister of the further CPU)
  Napi::Value enter_mode(const Napi::CallbackInfo& info) {
    accesses.clear();
    base_register = number(info[0]);
    apic_.enter_mode();
    return take_accesses(info.Env());
  }
  /// A word of the register page.
  Napi::Value word(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), page_[number(info[0]) / 4]);
  }

  std::vector<uint32_t> page_;
  runtime::LocalApic apic_;
};

}  // namespace

void register_local_apic(Napi::Env env, Napi::Object exports) {
  exports.Set("LocalApic", Apic::define(env));
}

}  // namespace kernel_smp
