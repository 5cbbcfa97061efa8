// Runs in the app's Node and in each of its Workers before the app does, as the body of a function
// with the parameters `process`, `require`, which is Node's internal one, `generation`: a Uint32Array
// over 16 bytes that change when the machine goes on from a saved state, undefined when it has none,
// and `isResumed`: whether this process has gone on from the state of a warm image just now. The shim
// calls it (src/app_preload.cc).
//
// A unikernel runs one process. Everything in node:child_process and node:cluster ends in one of
// two native functions; they are replaced here by ones that fail as for a program which does not
// exist, but with an error that says why and what to use instead. So the module itself is not
// loaded before the app loads it, all its exports stay what they are (for require, import and
// `node:`), arguments are still checked first, and errors come the way that the app expects them:
// by an 'error' event, a callback, a `result.error`, or thrown by execSync.

'use strict';

const { BuiltinModule, internalBinding } = require('internal/bootstrap/realm');

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

// Behind spawn, exec, execFile, fork and cluster.fork: returns an error number, for which
// ChildProcess will emit an 'error' event. The event gets our error in place of the one that Node
// makes of the number.
Process.prototype.spawn = function spawn(file, _args, _cwd, _environment, stdio) {
  const child = this[internalBinding('symbols').owner_symbol];
  const error = singleProcessError(file, spawn);
  // There is nobody at the other end of the pipes: with 0 for a pid, ChildProcess makes streams
  // without handles.
  this.pid = 0;
  for (const stream of stdio) if (stream.type === 'pipe' && !stream.ipc) stream.handle.close();
  Object.defineProperty(child, 'emit', {
    configurable: true,
    writable: true,
    value(event, ...values) {
      if (event !== 'error') {
        return Reflect.apply(Object.getPrototypeOf(child).emit, child, [event, ...values]);
      }
      delete child.emit;
      child.pid = undefined;
      for (const stream of [child.stdout, child.stderr]) stream?.push(null); // the end of nothing
      child[require('internal/child_process').kChannelHandle]?.onread(); // no data: end of file
      error.spawnargs = values[0].spawnargs;
      return child.emit(event, error);
    },
  });
  return internalBinding('uv').UV_ENOENT;
};

// Behind spawnSync, execSync and execFileSync: they make an error of the number in `error` and put
// it in its place, which leaves ours there.
internalBinding('spawn_sync').spawn = function spawn({ file }) {
  let error = internalBinding('uv').UV_ENOENT;
  const result = { pid: 0, output: null, signal: null, status: null };
  const refusal = singleProcessError(file, spawn);
  return Object.defineProperty(result, 'error', {
    enumerable: true,
    get: () => error,
    set() {
      error = refusal;
    },
  });
};

// Two machines that go on from one saved state must not give out the same random numbers. OpenSSL's
// come from the kernel, which knows (src/openssl_random.cc); but Node keeps some in advance for
// randomInt(), randomUUID() and randomUUIDv7(). These are used up before the next one is given out.

/** Numbers that Node keeps at most: kRandomCache entries of 6 bytes, and kBatchSize ids. */
const keptIntegers = 1024;
const keptIds = 128;

/** Watches for a second life of this machine. */
function resumptions() {
  const known = Array.from(generation, (_, index) => Atomics.load(generation, index));
  return {
    /** Whether there was one since this was called last. */
    hasCome() {
      let isAnother = false;
      for (let index = 0; index < known.length; index++) {
        const word = Atomics.load(generation, index);
        if (word === known[index]) continue;
        known[index] = word;
        isAnother = true;
      }
      return isAnother;
    },
  };
}

/** @param {Record<string, Function>} random what internal/crypto/random exports */
function forgetWhenResumed(random) {
  const watch = resumptions();
  const { randomInt, randomUUID, randomUUIDv7 } = random;
  const forget = () => {
    for (let count = 0; count < keptIntegers; count++) randomInt(2 ** 32);
    for (let count = 0; count < keptIds; count++) {
      randomUUID();
      randomUUIDv7();
    }
  };
  for (const original of [randomInt, randomUUID, randomUUIDv7]) {
    const { name, length } = original;
    const replacement = function (...values) {
      if (watch.hasCome()) forget();
      const result = Reflect.apply(original, this, values);
      if (result === undefined || !watch.hasCome()) return result;
      forget(); // it has come since
      return Reflect.apply(original, this, values);
    };
    Object.defineProperties(replacement, { name: { value: name }, length: { value: length } });
    random[name] = replacement;
  }
}

if (generation !== undefined) {
  // Not loaded here, as few apps need it at their start.
  const random = BuiltinModule.map.get('internal/crypto/random');
  random.compileForInternalLoader = () => {
    delete random.compileForInternalLoader;
    const exports = random.compileForInternalLoader();
    forgetWhenResumed(exports);
    return exports;
  };
}

// A process of a warm image was made when the image was built. Before the app sees anything it gets what this
// start of the machine has.

/** The strings of a file of /proc: each ends in a NUL. */
function stringsOf(file) {
  const text = process.getBuiltinModule('node:fs').readFileSync(file, 'utf8');
  return text.split('\0').slice(0, -1);
}

/** Those that were there are the same; this start may have more for the app. */
function takeArguments() {
  const known = process.execArgv.length + process.argv.length;
  process.argv.push(...stringsOf('/proc/self/cmdline').slice(known));
}

/** performance.now() goes on from when the process was frozen, by a machine whose calendar is another. */
function correctTimeOrigin() {
  const { milestones, constants, now } = internalBinding('performance');
  const origin = constants.NODE_PERFORMANCE_MILESTONE_TIME_ORIGIN_TIMESTAMP;
  milestones[origin] = (Date.now() - now()) * 1000;
}

if (isResumed) {
  takeArguments();
  correctTimeOrigin();
}
