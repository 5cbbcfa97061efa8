import { once } from 'node:events';
import inspector from 'node:inspector/promises';
import os from 'node:os';
import { monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { digest, errorOf, type Group, patternBytes } from '../collector.ts';

function recurse(depth: number): number {
  return depth === 0 ? 0 : 1 + recurse(depth - 1);
}

/** Spins until the thread used about this much processor time, in milliseconds. */
function burn(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

export const system: Group = {
  name: 'system',
  cases: {
    'os answers with true values': (log) => {
      log(os.platform(), os.arch(), os.endianness(), os.EOL, os.type(), os.machine(), os.devNull);
      log(os.totalmem() > 64e6, os.freemem() > 0, os.freemem() < os.totalmem(), os.uptime() > 0);
      log(os.availableParallelism() >= 1, os.cpus().length >= 1, os.cpus()[0]!.model.length > 0);
      log(os.cpus().every(({ times }) => times.user + times.sys + times.idle >= 0));
      log(
        os.loadavg().length,
        os.loadavg().every((load) => load >= 0),
        os.tmpdir(),
      );
      log(os.hostname().length > 0, os.release().length > 0, os.version().length > 0);
      log(typeof os.userInfo().username, os.userInfo().uid >= 0, os.homedir().startsWith('/'));
      log(typeof os.networkInterfaces(), os.getPriority(), os.constants.signals.SIGTERM);
    },

    'uptime goes on': async (log) => {
      const before = { machine: os.uptime(), process: process.uptime() };
      await delay(120);
      log(os.uptime() - before.machine > 0.05, process.uptime() - before.process > 0.1);
    },

    'process describes itself': (log) => {
      log(
        process.version,
        process.versions.v8,
        process.arch,
        process.platform,
        process.release.name,
      );
      log(
        process.pid > 0,
        process.ppid >= 0,
        process.execPath.endsWith('node'),
        process.title.length > 0,
      );
      log(process.argv.length >= 2, process.execArgv, typeof process.umask(), process.exitCode);
      log(
        process.getuid!() >= 0,
        process.geteuid!() === process.getuid!(),
        Array.isArray(process.getgroups!()),
      );
      log(
        Number(process.versions.napi) >= 10,
        process.features.inspector,
        process.allowedNodeEnvironmentFlags.size > 100,
      );
      log(
        process.stdout.writable,
        process.stderr.fd,
        process.constrainedMemory() >= 0,
        process.availableMemory() > 0,
      );
    },

    'environment variables': (log) => {
      process.env.PARITY = 'value = with ünicode';
      log(process.env.PARITY, 'PARITY' in process.env, Object.keys(process.env).includes('PARITY'));
      delete process.env.PARITY;
      log(process.env.PARITY, 'NOT_THERE' in process.env);
    },

    'the working directory': async (log) => {
      const before = process.cwd();
      process.chdir('/tmp');
      log(process.cwd(), await errorOf(() => process.chdir('/not/there')));
      process.chdir(before);
      log(process.cwd() === before);
    },

    'memory figures': (log) => {
      const before = process.memoryUsage();
      const kept = Buffer.alloc(32 << 20, 1);
      const after = process.memoryUsage();
      const grown = (after.rss - before.rss) / (1 << 20);
      log(grown > 25 && grown < 60, after.external >= kept.length);
      log(
        process.memoryUsage.rss() > 20e6,
        after.heapUsed < after.heapTotal,
        after.heapTotal <= after.rss * 4,
      );
      const statistics = v8.getHeapStatistics();
      log(
        statistics.used_heap_size > 1e6,
        statistics.heap_size_limit > 16e6,
        v8.getHeapSpaceStatistics().map((space) => space.space_name),
      );
    },

    'processor time': (log) => {
      // Both must advance while this thread computes, however little of a processor it gets.
      const before = process.cpuUsage();
      const thread = process.threadCpuUsage();
      const wall = performance.now();
      while (
        process.cpuUsage(before).user < 50_000 ||
        process.threadCpuUsage(thread).user < 50_000
      );
      const used = process.cpuUsage(before);
      // Node's other threads may use the other processors meanwhile.
      const possible = (performance.now() - wall + 50) * 1000 * os.availableParallelism();
      log(used.user + used.system >= 50_000, used.user + used.system <= possible);
      const usage = process.resourceUsage();
      log(
        usage.userCPUTime > 0,
        usage.maxRSS > 20_000,
        usage.minorPageFault >= 0,
        usage.voluntaryContextSwitches >= 0,
      );
    },

    'a signal that is caught': async (log) => {
      for (const name of ['SIGUSR2', 'SIGHUP', 'SIGTERM', 'SIGINT', 'SIGWINCH'] as const) {
        const caught = once(process, name);
        log(process.kill(process.pid, name), await caught);
      }
      log(
        process.kill(process.pid, 0),
        await errorOf(() => process.kill(987_654, 0)),
        await errorOf(() => process.kill(process.pid, 'SIGNOPE')),
      );
    },

    'a thousand signals': async (log) => {
      let caught = 0;
      const count = () => caught++;
      process.on('SIGUSR2', count);
      for (let round = 0; round < 1000; round++) {
        process.kill(process.pid, 'SIGUSR2');
        if (round % 10 === 9) await delay(0);
      }
      for (let round = 0; round < 100 && caught < 1; round++) await delay(1);
      await delay(20);
      process.off('SIGUSR2', count);
      log(caught > 0, caught <= 1000);
    },

    'deep recursion ends in a RangeError': async (log) => {
      for (let round = 0; round < 20; round++) {
        const error = await errorOf(() => recurse(1e9));
        if (error !== 'RangeError') log(error);
      }
      log(recurse(5000));
      log(
        await errorOf(() => JSON.parse('['.repeat(2_000_000))),
        await errorOf(() => JSON.stringify(nest(200_000))),
      );
      log(await errorOf(() => new RegExp('(?:'.repeat(200_000))));
      log(
        await errorOf(() => 'a'.repeat(2 ** 30)),
        await errorOf(() => new Array(-1)),
        await errorOf(() => Buffer.alloc(2 ** 53)),
      );
    },

    'stack traces are right': (log) => {
      const lines = new Error('here').stack!.split('\n');
      log(lines[0], lines.length > 3);
      const { stackTraceLimit } = Error;
      Error.stackTraceLimit = 1;
      log(new Error('short').stack!.split('\n').length);
      Error.stackTraceLimit = stackTraceLimit;
    },

    'performance marks, observers, histograms': async (log) => {
      const names: string[] = [];
      const observer = new PerformanceObserver((list) =>
        names.push(...list.getEntries().map((entry) => entry.name)),
      );
      observer.observe({ entryTypes: ['measure', 'mark'] });
      performance.mark('a');
      performance.mark('b');
      log(performance.measure('a to b', 'a', 'b').duration >= 0);
      await delay(5);
      observer.disconnect();
      log(names);
      log(
        performance.timeOrigin > 1e12,
        performance.now() > 0,
        performance.nodeTiming.bootstrapComplete > 0,
      );
      const histogram = monitorEventLoopDelay({ resolution: 1 });
      histogram.enable();
      await delay(30);
      burn(30);
      await delay(5);
      histogram.disable();
      log(histogram.max > 20e6, histogram.count > 0);
    },

    'V8 serialises, takes heap snapshots and statistics': (log) => {
      const value = {
        map: new Map([[{ a: 1 }, [1n, undefined, -0]]]),
        bytes: patternBytes(100),
        date: new Date(1),
      };
      log(v8.deserialize(v8.serialize(value)), digest(v8.serialize([1, 'two', { three: 3 }])));
      log(
        v8.getHeapSnapshot().readable,
        v8.getHeapCodeStatistics().code_and_metadata_size > 0,
        v8.cachedDataVersionTag() > 0,
      );
    },

    'contexts of node:vm': async (log) => {
      const context = vm.createContext({
        x: 2,
        print: (text: string) => log('from the context:', text),
      });
      log(vm.runInContext('y = x ** 10; print("y is " + y); y', context), context.y);
      log(await errorOf(() => vm.runInContext('for (;;);', context, { timeout: 30 })));
      log(await errorOf(() => vm.runInNewContext('process.exit()')));
      const script = new vm.Script('globalThis.count = (globalThis.count ?? 0) + 1', {
        filename: 'counter.js',
      });
      const cached = script.createCachedData();
      const again = new vm.Script('globalThis.count = (globalThis.count ?? 0) + 1', {
        filename: 'counter.js',
        cachedData: cached,
      });
      script.runInContext(context);
      log(again.runInContext(context), again.cachedDataRejected);
      log(vm.isContext(context), vm.runInThisContext('typeof require'));
    },

    'the inspector of this process': async (log) => {
      const session = new inspector.Session();
      session.connect();
      log((await session.post('Runtime.evaluate', { expression: '6 * 7' })).result.value);
      await session.post('Profiler.enable');
      await session.post('Profiler.start');
      burn(50);
      const { profile } = await session.post('Profiler.stop');
      log(profile.nodes.length > 1, (profile.samples?.length ?? 0) > 0);
      await session.post('HeapProfiler.enable');
      log(typeof (await session.post('HeapProfiler.collectGarbage')));
      session.disconnect();
    },

    'a diagnostic report': (log) => {
      Object.assign(process.report, { excludeNetwork: true });
      const report = process.report.getReport() as {
        header: { nodejsVersion: string; arch: string };
        javascriptStack: object;
        sharedObjects: string[];
      };
      log(
        report.header.nodejsVersion,
        report.header.arch,
        typeof report.javascriptStack,
        report.sharedObjects.length > 3,
      );
    },

    'a lot of garbage': (log) => {
      let kept: unknown[] = [];
      for (let round = 0; round < 60; round++) {
        const some = Array.from({ length: 20_000 }, (_, index) => ({
          index,
          text: `${index}`,
          list: [index],
        }));
        if (round % 10 === 0) kept = some.slice(0, 1000);
      }
      log(kept.length, (kept[999] as { text: string }).text);
    },

    'big buffers come and go': (log) => {
      let sum = 0;
      for (let round = 0; round < 40; round++) {
        const buffer = new Uint8Array(16 << 20);
        if (buffer[12_345_678] !== 0) throw new Error('memory was not zero');
        buffer.fill(round, 4096, 1 << 20);
        sum += buffer[5000]!;
      }
      log(sum);
      log(Buffer.allocUnsafe(100).length, new ArrayBuffer(8, { maxByteLength: 1 << 20 }).resizable);
      const growing = new ArrayBuffer(0, { maxByteLength: 8 << 20 });
      growing.resize(8 << 20);
      log(new Uint8Array(growing).every((byte) => byte === 0));
    },
  },
};

/** An array inside an array, and so on. */
function nest(depth: number): unknown {
  let value: unknown = [];
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}
