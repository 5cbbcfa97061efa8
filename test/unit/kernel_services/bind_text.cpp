// Formatting, the log's ring, the command line, the exit status.
#include "arguments.h"
#include "boot/command_line.h"
#include "boot/exit_status.h"
#include "lib/format.h"
#include "lib/log_ring.h"
#include "lib/string.h"

namespace kernel_services {

namespace {

constexpr size_t kCapacity = 4096;

/// formatNumber(pattern, type, value: bigint, capacity?): one conversion of an integer type.
Napi::Value format_number(const Napi::CallbackInfo& info) {
  const std::string pattern = text_of(info[0]);
  const std::string type = text_of(info[1]);
  const uint64_t value = long_of(info[2]);
  const size_t capacity = info.Length() > 3 ? word_of(info[3]) : kCapacity;
  std::vector<char> buffer(kCapacity + 1, '#');
  size_t length = 0;
  if (type == "int") {
    length = runtime::format(buffer.data(), capacity, pattern.c_str(), static_cast<int>(value));
  } else if (type == "long") {
    length = runtime::format(buffer.data(), capacity, pattern.c_str(), static_cast<long>(value));
  } else if (type == "pointer") {
    length =
        runtime::format(buffer.data(), capacity, pattern.c_str(), reinterpret_cast<void*>(value));
  }
  if (capacity && buffer[length] != '\0') return info.Env().Undefined();  // not terminated
  if (buffer[capacity] != '#') return info.Env().Undefined();             // wrote too much
  return to_text(info.Env(), buffer.data(), length);
}

/// formatText(pattern, text, precision?): one string, with a precision given by argument.
Napi::Value format_text(const Napi::CallbackInfo& info) {
  const std::string pattern = text_of(info[0]);
  const std::string text = text_of(info[1]);
  char buffer[kCapacity];
  const size_t length =
      info.Length() > 2 ? runtime::format(buffer, sizeof(buffer), pattern.c_str(),
                                          static_cast<int>(word_of(info[2])), text.c_str())
                        : runtime::format(buffer, sizeof(buffer), pattern.c_str(), text.c_str());
  return to_text(info.Env(), buffer, length);
}

/// formatMixed(): many arguments of different types in one call.
Napi::Value format_mixed(const Napi::CallbackInfo& info) {
  char buffer[kCapacity];
  const size_t length = runtime::format(buffer, sizeof(buffer), "%s %d %u %lx %zu %c %% %*d|%-4s|",
                                        "text", -5, 7u, 0xabcdefl, sizeof(buffer), 'z', 5, 42, "a");
  return to_text(info.Env(), buffer, length);
}

/// readTextRing(texts: string[], cursor: bigint, capacity): what a ring of 16 bytes returns.
Napi::Value read_text_ring(const Napi::CallbackInfo& info) {
  runtime::TextRing<16> ring;
  auto texts = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < texts.Length(); ++i) {
    const std::string text = text_of(texts.Get(i));
    ring.append(text.data(), text.size());
  }
  uint64_t cursor = long_of(info[1]);
  std::vector<char> buffer(word_of(info[2]));
  const size_t length = ring.read(&cursor, buffer.data(), buffer.size());
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("text", to_text(info.Env(), buffer.data(), length));
  result.Set("cursor", to_long(info.Env(), cursor));
  return result;
}

Napi::Array to_array(Napi::Env env, const runtime::StringView* views, size_t count) {
  Napi::Array array = Napi::Array::New(env, count);
  for (size_t i = 0; i < count; ++i) {
    array.Set(static_cast<uint32_t>(i), to_text(env, views[i].data, views[i].size));
  }
  return array;
}

/// parseCommandLine(line): the options, or { error }.
Napi::Value parse_command_line(const Napi::CallbackInfo& info) {
  const std::string line = text_of(info[0]);
  auto options = std::make_unique<runtime::CommandLine>();
  char message[kCapacity] = {};
  Napi::Object result = Napi::Object::New(info.Env());
  if (!runtime::parse_command_line(runtime::StringView(line.data(), line.size()), options.get(),
                                   message, sizeof(message))) {
    result.Set("error", message);
    return result;
  }
  result.Set("logLevel", static_cast<int>(options->log_level));
  result.Set("traceSystemCalls", options->trace_system_calls);
  result.Set("haltsWhenIdle", options->halts_when_idle);
  result.Set("fixedLayout", options->fixed_layout);
  result.Set("writableRoot", options->writable_root);
  result.Set("warmStart", static_cast<unsigned>(options->warm_start));
  result.Set("environment", to_array(info.Env(), options->environment, options->environment_count));
  result.Set("arguments", to_array(info.Env(), options->arguments, options->argument_count));
  return result;
}

/// formatExitStatus(code, reason: Uint8Array with its NUL, capacity): the line's bytes.
Napi::Value format_exit_status(const Napi::CallbackInfo& info) {
  const Bytes reason = bytes_of(info[1]);
  std::vector<char> buffer(word_of(info[2]));
  const size_t length = runtime::format_exit_status(buffer.data(), buffer.size(),
                                                    info[0].As<Napi::Number>().Int32Value(),
                                                    reinterpret_cast<const char*>(reason.data));
  return to_bytes(info.Env(), buffer.data(), length);
}

}  // namespace

void register_text(Napi::Env env, Napi::Object exports) {
  exports.Set("formatNumber", Napi::Function::New(env, format_number));
  exports.Set("formatText", Napi::Function::New(env, format_text));
  exports.Set("formatMixed", Napi::Function::New(env, format_mixed));
  exports.Set("readTextRing", Napi::Function::New(env, read_text_ring));
  exports.Set("parseCommandLine", Napi::Function::New(env, parse_command_line));
  exports.Set("formatExitStatus", Napi::Function::New(env, format_exit_status));
}

}  // namespace kernel_services
