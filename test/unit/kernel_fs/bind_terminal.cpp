// The service's side of terminals.
#include <string>

#include "../kernel_terminal/host_environment.h"
#include "arguments.h"
#include "linux/fs/tree.h"
#include "terminal/terminal.h"

namespace kernel_fs {

namespace {

using Napi::CallbackInfo;

uint32_t number(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

runtime::Terminal& terminal(const CallbackInfo& info) {
  return *runtime::terminal_at(number(info[0]));
}

Napi::Value outcome(const CallbackInfo& info, const runtime::Result<void>& result) {
  return Napi::Number::New(info.Env(), result.is_error() ? -static_cast<int>(result.error()) : 0);
}

}  // namespace

void register_terminal(Napi::Env env, Napi::Object exports) {
  const auto set = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  // addTerminal(name): its number, or -errno.
  set("addTerminal", [](const CallbackInfo& info) -> Napi::Value {
    const std::string name = info[0].As<Napi::String>();
    const auto added = runtime::add_terminal();
    if (added.is_error()) {
      return Napi::Number::New(info.Env(), -static_cast<int>(added.error()));
    }
    const auto named =
        runtime::add_terminal_device(runtime::StringView(name.data(), name.size()), added.value());
    if (!named.is_error()) return Napi::Number::New(info.Env(), added.value());
    runtime::remove_terminal(added.value());
    return outcome(info, named);
  });
  set("attachTerminal",
      [](const CallbackInfo& info) { return outcome(info, terminal(info).attach()); });
  set("detachTerminal", [](const CallbackInfo& info) { terminal(info).detach(); });
  set("notifyTerminal", [](const CallbackInfo& info) { terminal(info).notify(); });
  set("growTerminal",
      [](const CallbackInfo& info) { return outcome(info, terminal(info).grow(number(info[1]))); });
  set("signalTerminal", [](const CallbackInfo& info) {
    terminal(info).signal(static_cast<int>(number(info[1])), number(info[2]) != 0);
  });
  set("resizeTerminal",
      [](const CallbackInfo& info) { terminal(info).resize(number(info[1]), number(info[2])); });
  // pollTerminal(index): the poll(2) bits.
  set("pollTerminal", [](const CallbackInfo& info) {
    return Napi::Number::New(info.Env(), terminal(info).poll_events());
  });
  set("terminalMemory", [](const CallbackInfo& info) {
    return Napi::ArrayBuffer::New(info.Env(), host_terminal::memory(), host_terminal::kMemoryBytes);
  });
  set("terminalBlocks", [](const CallbackInfo& info) {
    return Napi::Number::New(info.Env(), runtime::terminal_blocks_offset());
  });
  // setTerminalService(0 awaited, 1 running, 2 absent)
  set("setTerminalService", [](const CallbackInfo& info) {
    host_terminal::set_service_state(static_cast<runtime::TerminalServiceState>(number(info[0])));
  });
  // becomeTerminalService(whether the calls that follow are the service's own)
  set("becomeTerminalService",
      [](const CallbackInfo& info) { host_terminal::become_service(info[0].ToBoolean()); });
  set("takeTerminalSignals", [](const CallbackInfo& info) -> Napi::Value {
    Napi::Array result = Napi::Array::New(info.Env());
    for (const int signal : host_terminal::take_signals()) {
      result.Set(result.Length(), Napi::Number::New(info.Env(), signal));
    }
    return result;
  });
}

}  // namespace kernel_fs
