// Bare apps: V8 and nothing of Node.
#ifndef RUNTIME_SHIM_WORKER_MAIN_H
#define RUNTIME_SHIM_WORKER_MAIN_H

namespace runtime {

/** Whether the initrd holds a bare app, and there is a kernel underneath. */
bool HasWorker();

/**
 * Runs the bare app of the initrd, and the services that are in its bundle, to their end. SIGTERM and SIGINT
 * ask it to end.
 * @returns the exit code of the process
 */
int RunWorker();

}  // namespace runtime

#endif  // RUNTIME_SHIM_WORKER_MAIN_H
