#include "spawned_isolate.h"

#include <cerrno>
#include <utility>

#include "../system_isolate.h"
#include "../thread.h"
#include "device_grant.h"

namespace runtime {
namespace {

// Of it JavaScript may use SystemIsolate's share for spawned isolates. Pages that are not touched cost nothing.
constexpr size_t kStackBytes = 1024 * 1024;
// What Linux shows of a thread's name, with the final NUL.
constexpr size_t kThreadNameBytes = 16;

}  // namespace

int32_t SpawnedIsolate::Start(Endpoint channel) {
  script_ = ScriptFile::Open(settings_.script);
  if (script_ == nullptr) return -errno;
  channel_ = std::move(channel);
  const auto entry = [](void* self) -> void* {
    static_cast<SpawnedIsolate*>(self)->Main();
    return nullptr;
  };
  const int error = StartThread(kStackBytes, entry, this, &thread_);
  has_thread_ = error == 0;
  return -error;
}

SpawnedIsolate::~SpawnedIsolate() { End("nobody needs it any more"); }

void SpawnedIsolate::End(const std::string& reason) {
  if (!has_thread_) return;
  Kill(reason);
  pthread_join(thread_, nullptr);
  has_thread_ = false;
  settings_.device = nullptr;
}

void SpawnedIsolate::Kill(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (kill_reason_.has_value()) return;
  kill_reason_ = reason;
  if (running_ != nullptr) running_->Kill(reason);
}

// The turn's limit is held against CPU time that the turn has taken for certain: the clock is read before it, and a turn
// that began meanwhile is none.
void SpawnedIsolate::FillFigures(RuntimeIsolateFigures* into) const {
  const uint64_t taken = kernel_.monotonic_nanoseconds();
  const uint64_t turn = figures_.turn_started.load();
  const uint64_t turn_cpu = threads_->OwnCpuNanoseconds();
  const bool is_same_turn = figures_.turn_started.load() == turn;
  const uint64_t ready = figures_.ready_at.load();
  const std::lock_guard lock(mutex_);
  *into = {
      threads_->CpuNanoseconds(),
      figures_.heap_bytes.load(),
      figures_.external_bytes.load(),
      figures_.messages_sent.load(),
      figures_.messages_received.load(),
      taken,
      is_same_turn ? turn : 0,
      turn_cpu,
      ready == 0 ? 0 : ready - spawned_at_,
      ending_.has_value() ? 1u : 0u,
  };
}

std::optional<Ending> SpawnedIsolate::ending() const {
  const std::lock_guard lock(mutex_);
  return ending_;
}

void SpawnedIsolate::Main() {
  pthread_setname_np(pthread_self(), settings_.name.substr(0, kThreadNameBytes - 1).c_str());
  Ending ending;
  {
    // Who starts it may have taken a back seat while the app starts.
    const IsolateThreads::Work work(*threads_);
    ending = Run();
    channel_ = {};
    // None of its code runs any more. Who hears of its end finds the device quiet.
    if (settings_.device != nullptr) settings_.device->Revoke();
    figures_.turn_started.store(0);
  }
  const std::lock_guard lock(mutex_);
  ending_ = std::move(ending);
  mailbox_->Post({News::Kind::kIsolateEnded, id_});
}

Ending SpawnedIsolate::Run() {
  std::unique_ptr<SystemIsolate> isolate =
      SystemIsolate::Spawn(kernel_, platform_, snapshot_, settings_, &figures_, threads_.get());
  if (isolate == nullptr) return {RUNTIME_END_LIMIT, "V8 could not make it: out of memory"};
  {
    const std::lock_guard lock(mutex_);
    if (kill_reason_.has_value()) return {RUNTIME_END_KILLED, *kill_reason_};
    running_ = isolate.get();
  }
  isolate->Run(*script_, std::move(channel_));
  {
    const std::lock_guard lock(mutex_);
    running_ = nullptr;
  }
  if (!isolate->IsLost()) {
    Ending ending = isolate->ending();
    isolate = nullptr;
    return ending;
  }
  isolate->Abandon();
  return isolate.release()->ending();
}

}  // namespace runtime
