// A kernel interface in user space, for tests on plain Linux; never shipped.
//
// Preloaded before the shim, it adds the interface to the auxiliary vector (it stands in front of
// getauxval(3)) and puts files of the test's choice where the guest's are (it stands in front of
// open(2) and access(2)):
//   FAKE_KERNEL_SYSTEM_BUNDLE  for /system/main.js
//   FAKE_KERNEL_WORKER_BUNDLE  for /worker/main.js, instead of which there is none
//   FAKE_KERNEL_PRELOAD        for /lib/runtime/preload.cjs
//   FAKE_KERNEL_VERSION        version that the interface claims, default the true one
//   FAKE_KERNEL_GENERATION     file whose first 16 bytes are the machine's generation id
// With FAKE_KERNEL_RANDOM=counted it stands in front of getrandom(2): each call gives bytes that are all its number.
// Log messages go to the file that FAKE_KERNEL_LOG names, one line each: level, space, text with
// newlines as \n.
// Time stands still while threads run, and jumps to the deadline when one waits for it: tests need
// not wait. With FAKE_KERNEL_CLOCK=real it is the host's time, to measure by.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "fake_service.h"
#include "kernel_interface.h"

namespace {

std::mutex mutex;  // guards all state below
std::condition_variable changed;
uint32_t events = 0;
uint64_t now = 1'000'000'000;
std::string& Ring() {
  static auto* const ring = new std::string;  // outlives exit handlers of other objects
  return *ring;
}

void Log(uint32_t level, const char* text, size_t length) {
  std::string line = std::to_string(level) + " ";
  for (const char c : std::string(text, length)) line += c == '\n' ? "\\n" : std::string(1, c);
  line += '\n';
  const std::lock_guard lock(mutex);
  static constexpr const char* kSeverities[] = {"<3>", "<4>", "<6>", "<7>"};
  Ring() += kSeverities[std::min(level, RUNTIME_LOG_DEBUG)] + line.substr(2);
  const char* const path = std::getenv("FAKE_KERNEL_LOG");
  if (path == nullptr) return;
  FILE* const file = std::fopen(path, "a");
  if (file == nullptr) std::abort();
  std::fputs(line.c_str(), file);
  std::fclose(file);
}

bool IsClockReal() {
  static const char* const clock = std::getenv("FAKE_KERNEL_CLOCK");
  return clock != nullptr && std::strcmp(clock, "real") == 0;
}

uint64_t Monotonic() {
  if (IsClockReal()) return std::chrono::steady_clock::now().time_since_epoch().count();
  const std::lock_guard lock(mutex);
  return now;
}

uint64_t WallClock() { return 1'700'000'000'000'000'000 + Monotonic(); }

void Memory(RuntimeMemoryStatistics* into) {
  *into = {512 << 20, 256 << 20, 117 << 20, 1 << 20, 2 << 20, 64 << 20, 4096, 12345, 678};
}

/** FAKE_KERNEL_SHORTAGE: memory is short from the beginning. */
void AwaitMemoryShortage(uint64_t) {
  if (std::getenv("FAKE_KERNEL_SHORTAGE") == nullptr) {
    for (;;) pause();
  }
  constexpr useconds_t kMoment = 20'000;
  usleep(kMoment);
}

void Cpu(RuntimeCpuStatistics* into) { *into = {2, 11, 22, 33, 44, 1ull << 60, 55, 66}; }

size_t LogRead(uint64_t* cursor, char* buffer, size_t capacity) {
  const std::lock_guard lock(mutex);
  const size_t at = std::min<uint64_t>(*cursor, Ring().size());
  const size_t count = std::min(capacity, Ring().size() - at);
  std::memcpy(buffer, Ring().data() + at, count);
  *cursor = at + count;
  return count;
}

uint32_t Wait(uint32_t mask, uint64_t deadline) {
  std::unique_lock lock(mutex);
  const auto is_set = [&] { return (events & mask) != 0; };
  if (deadline == RUNTIME_NO_DEADLINE) {
    changed.wait(lock, is_set);
  } else if (IsClockReal()) {
    const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
    changed.wait_until(lock, until, is_set);
  } else if (!is_set()) {
    now = std::max(now, deadline);
  }
  const uint32_t seen = events & mask;
  events &= ~seen;
  return seen;
}

void Notify(uint32_t bits) {
  const std::lock_guard lock(mutex);
  events |= bits;
  changed.notify_all();
}

/** Of one thread. */
struct Bell {
  std::mutex mutex;
  std::condition_variable rung;
  bool is_rung = false;
};

thread_local Bell* own_bell = nullptr;

uint64_t BellOpen() {
  own_bell = new Bell;
  return reinterpret_cast<uint64_t>(own_bell);
}

void BellClose(uint64_t bell) { delete reinterpret_cast<Bell*>(bell); }

void BellRing(uint64_t bell) {
  auto& rung = *reinterpret_cast<Bell*>(bell);
  const std::lock_guard lock(rung.mutex);
  rung.is_rung = true;
  rung.rung.notify_one();
}

void BellWait(uint64_t deadline) {
  std::unique_lock lock(own_bell->mutex);
  const auto is_rung = [] { return own_bell->is_rung; };
  if (deadline == RUNTIME_NO_DEADLINE) {
    own_bell->rung.wait(lock, is_rung);
  } else {
    own_bell->rung.wait_for(lock, std::chrono::nanoseconds(deadline - Monotonic()), is_rung);
  }
  own_bell->is_rung = false;
}

void PowerOff(int32_t code) { _exit(code); }

void Reboot() {
  std::fputs("rebooted\n", stderr);
  _exit(0);
}

RuntimeKernelInterface& Interface() {
  static RuntimeKernelInterface interface = [] {
    RuntimeKernelInterface made = {};
    made.version = RUNTIME_KERNEL_INTERFACE_VERSION;
    made.size = sizeof(made);
    made.log = Log;
    made.monotonic_nanoseconds = Monotonic;
    made.wall_clock_nanoseconds = WallClock;
    made.uptime_nanoseconds = Monotonic;
    made.memory_statistics = Memory;
    made.cpu_statistics = Cpu;
    made.await_memory_shortage = AwaitMemoryShortage;
    made.kernel_log_read = LogRead;
    made.wait_for_events = Wait;
    made.notify_events = Notify;
    made.bell_open = BellOpen;
    made.bell_close = BellClose;
    made.bell_ring = BellRing;
    made.bell_wait = BellWait;
    made.power_off = PowerOff;
    made.reboot = Reboot;
    return made;
  }();
  InstallFakeService(&interface);
  return interface;
}

const char* Redirect(const char* path) {
  const char* to = nullptr;
  if (std::strcmp(path, "/system/main.js") == 0) to = std::getenv("FAKE_KERNEL_SYSTEM_BUNDLE");
  if (std::strcmp(path, "/worker/main.js") == 0) to = std::getenv("FAKE_KERNEL_WORKER_BUNDLE");
  if (std::strcmp(path, "/lib/runtime/preload.cjs") == 0) to = std::getenv("FAKE_KERNEL_PRELOAD");
  return to == nullptr ? path : to;
}

}  // namespace

extern "C" unsigned long getauxval(unsigned long type) {
  if (type == RUNTIME_AUXV_KERNEL_INTERFACE) {
    static RuntimeKernelInterface& interface = Interface();
    const char* const version = std::getenv("FAKE_KERNEL_VERSION");
    if (version != nullptr) interface.version = static_cast<uint32_t>(std::atoi(version));
    return reinterpret_cast<unsigned long>(&interface);
  }
  const auto next =
      reinterpret_cast<unsigned long (*)(unsigned long)>(dlsym(RTLD_NEXT, "getauxval"));
  return next(type);
}

extern "C" ssize_t getrandom(void* into, size_t length, unsigned flags) {
  static const bool is_counted = std::getenv("FAKE_KERNEL_RANDOM") != nullptr;
  if (!is_counted) return syscall(SYS_getrandom, into, length, flags);
  static std::atomic<uint8_t> calls{0};
  std::memset(into, ++calls, length);
  return static_cast<ssize_t>(length);
}

extern "C" int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = va_arg(list, mode_t);  // garbage when there is none, and then not looked at
  va_end(list);
  const auto next = reinterpret_cast<int (*)(const char*, int, ...)>(dlsym(RTLD_NEXT, "open"));
  return next(Redirect(path), flags, mode);
}

extern "C" int access(const char* path, int mode) {
  const auto next = reinterpret_cast<int (*)(const char*, int)>(dlsym(RTLD_NEXT, "access"));
  return next(Redirect(path), mode);
}
