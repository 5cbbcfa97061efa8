// Runs in the app's Node and in each of its Workers before the app does, as the body of a function with the
// parameters `process` and `require`, the latter Node's internal one. The shim calls it (src/app_preload.cc).
//
// A unikernel runs one process. Everything in node:child_process and node:cluster ends in one of two native
// functions; they are replaced here, so that the module itself is not loaded before the app loads it, all its
// exports stay what they are (for require, import and `node:`), and its checks of arguments still come first.

'use strict';

const { internalBinding } = require('internal/bootstrap/realm');

/**
 * @param {string} file the program that was to be run
 * @param {Function} caller left out of the stack, with all above it
 */
function singleProcessError(file, caller) {
  const error = new Error(
    `Cannot run '${file}': a unikernel runs one process. For more threads in this one use Worker ` +
      'from node:worker_threads; for another program boot another virtual machine.',
  );
  error.code = 'ERR_RUNTIME_SINGLE_PROCESS';
  error.syscall = 'spawn';
  error.path = file;
  Error.captureStackTrace(error, caller);
  return error;
}

const { Process } = internalBinding('process_wrap');
// Behind spawn, exec, execFile, fork and cluster.fork.
Process.prototype.spawn = function spawn(file, _args, _cwd, _environment, stdio) {
  // Node closes these only when spawn returns an error.
  for (const stream of stdio ?? []) if (stream.type === 'pipe') stream.handle.close();
  this.close();
  throw singleProcessError(file, spawn);
};

// Behind spawnSync, execSync and execFileSync.
internalBinding('spawn_sync').spawn = function spawn(options) {
  throw singleProcessError(options.file, spawn);
};
