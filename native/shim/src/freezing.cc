#include "freezing.h"

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "file.h"
#include "generators.h"

namespace runtime {
namespace {

constexpr long kLookNanoseconds = 1'000'000;
constexpr uint64_t kPatienceNanoseconds = 120'000'000'000;

std::atomic<int> threads_on_their_way{0};

void Sleep() {
  const timespec time = {0, kLookNanoseconds};
  nanosleep(&time, nullptr);
}

std::string Variable(const char* name) {
  const char* const value = getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

void ExpectFrozenThread() { threads_on_their_way.fetch_add(1); }

// What the collector has moved to the old generation is not moved on each machine. The flag is the default one again
// afterwards: flags are part of what V8 compares before it takes a code cache.
void CollectBeforeFreezing(v8::Isolate* isolate) {
  v8::V8::SetFlagsFromString("--no-flush-bytecode");
  isolate->LowMemoryNotification();
  v8::V8::SetFlagsFromString("--flush-bytecode");
}

void SleepUntilResumed(const RuntimeKernelInterface& kernel) {
  while (IsToBeFrozen(kernel)) Sleep();
}

void WaitFrozen(const RuntimeKernelInterface& kernel) {
  threads_on_their_way.fetch_sub(1);
  SleepUntilResumed(kernel);
  SeedGenerators();
}

bool AwaitFrozenThreads(const RuntimeKernelInterface& kernel) {
  const uint64_t begun = kernel.monotonic_nanoseconds();
  while (threads_on_their_way.load() > 0) {
    Sleep();
    if (kernel.monotonic_nanoseconds() - begun < kPatienceNanoseconds) continue;
    Log(kernel, RUNTIME_LOG_ERROR,
        "the process cannot be frozen: the system isolate has not started");
    return false;
  }
  return true;
}

bool FreezeProcess(const RuntimeKernelInterface& kernel) {
  if (!AwaitFrozenThreads(kernel)) return false;
  FindGenerators();
  const int32_t result = kernel.freeze_process();
  if (result < 0) {
    Log(kernel, RUNTIME_LOG_ERROR,
        std::string("the process cannot be frozen: ") + std::strerror(-result));
    return false;
  }
  SleepUntilResumed(kernel);
  SeedGenerators();
  return true;
}

// setenv(3) copies; other threads wait where they were frozen.
void TakeVariables(v8::Isolate* isolate) {
  const std::optional<std::string> text = ReadFile("/proc/self/environ");
  if (!text.has_value()) return;
  std::map<std::string, std::string> now;
  for (size_t at = 0; at < text->size();) {
    const std::string variable = text->c_str() + at;
    at += variable.size() + 1;
    const size_t equals = variable.find('=', 1);
    if (equals != std::string::npos) now[variable.substr(0, equals)] = variable.substr(equals + 1);
  }
  std::vector<std::string> gone;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view variable = *each;
    const std::string name(variable.substr(0, variable.find('=', 1)));
    if (!now.contains(name)) gone.push_back(name);
  }
  const std::string zone = Variable("TZ");
  for (const std::string& name : gone) unsetenv(name.c_str());
  for (const auto& [name, value] : now) setenv(name.c_str(), value.c_str(), 1);
  if (Variable("TZ") == zone) return;
  tzset();
  isolate->DateTimeConfigurationChangeNotification(v8::Isolate::TimeZoneDetection::kRedetect);
}

size_t HeapLimitOfMachine(const RuntimeKernelInterface& kernel) {
  RuntimeMemoryStatistics memory = {};
  kernel.memory_statistics(&memory);
  v8::ResourceConstraints constraints;
  constraints.ConfigureDefaults(memory.total, 0);
  return constraints.max_old_generation_size_in_bytes();
}

}  // namespace runtime
