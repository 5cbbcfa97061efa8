#include "calls.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace {

const char* g_group = "";

struct Group {
  const char* name;
  void (*run)();
};

const Group kGroups[] = {
    {"futexes", calls::check_futexes},   {"locks", calls::check_locks},
    {"time", calls::check_time},         {"process", calls::check_process},
    {"mappings", calls::check_mappings}, {"files", calls::check_file_mappings},
    {"signals", calls::check_signals},   {"interruption", calls::check_interruption},
    {"threads", calls::check_threads},   {"readiness", calls::check_readiness},
    {"vectors", calls::check_vectors},   {"faults", calls::check_faults},
};

void print(const char* what, const char* text) {
  char line[256];
  const int size = snprintf(line, sizeof(line), "call %s: %s: %s\n", g_group, what, text);
  // Past stdio, so that a crash loses nothing.
  const ssize_t written = write(STDOUT_FILENO, line, static_cast<size_t>(size));
  (void)written;
}

sigjmp_buf g_recovery;
volatile sig_atomic_t g_signal_code;

void on_fault(int signal, siginfo_t* info, void*) {
  g_signal_code = info->si_code;
  siglongjmp(g_recovery, signal);
}

/// Runs `touch` with handlers for memory faults in place.
template <typename Touch>
int signal_of(Touch touch, int* code) {
  struct sigaction action = {};
  struct sigaction old_segv, old_bus;
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &old_segv);
  sigaction(SIGBUS, &action, &old_bus);
  const int signal = sigsetjmp(g_recovery, 1);
  if (signal == 0) touch();
  sigaction(SIGSEGV, &old_segv, nullptr);
  sigaction(SIGBUS, &old_bus, nullptr);
  if (code) *code = signal == 0 ? 0 : g_signal_code;
  return signal;
}

}  // namespace

bool run_calls(const char* group) {
  bool is_known = false;
  for (const Group& known : kGroups) {
    if (group && *group && strcmp(group, known.name) != 0) continue;
    is_known = true;
    g_group = known.name;
    known.run();
    print("end", "reached");
  }
  return is_known;
}

namespace calls {

void raw_result(const char* what, long value) {
  char text[32];
  snprintf(text, sizeof(text), "%ld", value);
  const char* name =
      value < 0 && value > -4096 ? strerrorname_np(static_cast<int>(-value)) : nullptr;
  print(what, name ? name : text);
}

long result(const char* what, long value) {
  raw_result(what, value == -1 ? -errno : value);
  return value;
}

void value(const char* what, long number) {
  char text[32];
  snprintf(text, sizeof(text), "%ld", number);
  print(what, text);
}

void holds(const char* what, bool condition) { print(what, condition ? "yes" : "no"); }

void signal_name(const char* what, int signal) {
  const char* name = signal == 0 ? "none" : sigabbrev_np(signal);
  print(what, name ? name : "unknown");
}

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void pause_for(unsigned milliseconds) {
  timespec left = {milliseconds / 1000, static_cast<long>(milliseconds % 1000) * 1'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) continue;
}

void wait_until_asleep(int thread) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
  for (int round = 0; round < 3000; ++round) {
    char text[256] = "";
    FILE* file = fopen(path, "r");
    if (!file) return;
    const size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    const char* state = size > 0 ? strrchr(text, ')') : nullptr;
    if (state && state[2] == 'S') return;
    pause_for(1);
  }
}

Thread::Thread(void* (*work)(void*), void* argument) : work_(work), argument_(argument) {
  const int error = pthread_create(&handle_, nullptr, run, this);
  if (error) raw_result("pthread_create", -error);
  is_joined_ = error != 0;
}

void* Thread::run(void* self) {
  Thread* thread = static_cast<Thread*>(self);
  __atomic_store_n(&thread->number_, static_cast<int>(syscall(SYS_gettid)), __ATOMIC_RELEASE);
  return thread->work_(thread->argument_);
}

int Thread::number() {
  int number = 0;
  while ((number = __atomic_load_n(&number_, __ATOMIC_ACQUIRE)) == 0) pause_for(1);
  return number;
}

void Thread::join() {
  if (!is_joined_) pthread_join(handle_, nullptr);
  is_joined_ = true;
}

int signal_of_read(const volatile void* address, int* code) {
  return signal_of([address] { (void)*static_cast<const volatile char*>(address); }, code);
}

int signal_of_write(volatile void* address, int* code) {
  return signal_of([address] { *static_cast<volatile char*>(address) = 1; }, code);
}

}  // namespace calls
