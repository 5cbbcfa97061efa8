// Node 26 strips the types of .ts files itself, so ava loads tests as they are.
export default {
  files: ['test/**/*.test.ts'],
  extensions: ['ts'],
  workerThreads: false, // native addons and process-wide state get a process of their own
  timeout: '10m', // without progress; guest tests boot virtual machines, under TCG on a busy machine
  concurrency: 2,
};
