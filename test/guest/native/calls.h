// System calls as native code makes them, for comparison with Linux: each check prints one line, and
// the same lines have to come from the guest and from the host.
#pragma once

#include <pthread.h>

#include <cstdint>

/// Runs a group of checks, printing "call GROUP: WHAT: RESULT" lines.
/// @param group its name, see calls.cc; empty or null for all of them
/// @return false when there is no such group
bool run_calls(const char* group);

namespace calls {

/// Prints what a call returned; -1 as the name of errno.
/// @return the same
long result(const char* what, long value);
/// Prints a call's result that is -errno, as futex's are here.
void raw_result(const char* what, long value);
/// Prints a number.
void value(const char* what, long number);
/// Prints whether something holds, where figures differ between machines.
void holds(const char* what, bool condition);
/// Prints the name of a signal, or "none" for 0.
void signal_name(const char* what, int signal);

/// CLOCK_MONOTONIC in seconds.
double now();
/// Sleeps, also across signals.
void pause_for(unsigned milliseconds);
/// Waits until a thread of this process sleeps in a system call, or a few seconds at most.
/// @param thread its number, gettid(2)
void wait_until_asleep(int thread);

/// A thread that runs `work` and whose number is known. Joined by `join` or the destructor.
class Thread {
 public:
  Thread(void* (*work)(void*), void* argument);
  ~Thread() { join(); }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  void join();
  /// Waits until it sleeps in a system call.
  void wait_until_asleep() { calls::wait_until_asleep(number()); }
  int number();
  pthread_t handle() const { return handle_; }

 private:
  static void* run(void* self);

  void* (*work_)(void*);
  void* argument_;
  pthread_t handle_;
  int number_ = 0;  // atomic
  bool is_joined_ = false;
};

/// Touches memory and reports the signal that this raised: 0 for none. Not for several threads.
/// @param si_code of the signal, null when it does not matter
int signal_of_read(const volatile void* address, int* code = nullptr);
int signal_of_write(volatile void* address, int* code = nullptr);

// The groups.
void check_futexes();
void check_locks();
void check_time();
void check_process();
void check_mappings();
void check_file_mappings();
void check_signals();
void check_interruption();
void check_threads();
void check_readiness();
void check_vectors();
void check_faults();

}  // namespace calls
