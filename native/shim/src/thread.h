// Threads of ours, beside the app's.
#ifndef RUNTIME_SHIM_THREAD_H
#define RUNTIME_SHIM_THREAD_H

#include <pthread.h>
#include <signal.h>

#include <cstddef>

namespace runtime {

/**
 * What threads of ours block: signals for the process are for the app's threads. Those that an instruction
 * raises must get through (V8's WebAssembly traps are SIGSEGVs).
 */
inline sigset_t SignalsForOthers() {
  sigset_t signals;
  sigfillset(&signals);
  for (const int raised : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) {
    sigdelset(&signals, raised);
  }
  return signals;
}

/**
 * Starts a thread that takes no signals for the process, to be joined.
 * @returns 0, or an error number of pthread_create(3)
 */
inline int StartThread(size_t stack_bytes, void* (*entry)(void*), void* argument,
                       pthread_t* thread) {
  const sigset_t blocked = SignalsForOthers();
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_bytes);
  pthread_attr_setsigmask_np(&attributes, &blocked);
  const int error = pthread_create(thread, &attributes, entry, argument);
  pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace runtime

#endif  // RUNTIME_SHIM_THREAD_H
