// /proc and /sys: the forms that libuv, V8 and glibc parse.
import test from 'ava';
import { boot, call, E, list, must, O, open, readLink, readText, statOf } from './kernel.ts';

test.beforeEach(() => boot([{ name: 'bin/node', data: 'elf', mode: 0o100755 }]));

test.serial('maps has the lines of Linux', (t) => {
  const lines = readText('/proc/self/maps').split('\n');
  t.is(lines[0], `00400000-00401000 r-xp 00000000 00:01 42${' '.repeat(33)}/bin/node`);
  t.is(lines[0]?.indexOf('/'), 73);
  t.is(lines[1], '7f0000000000-7f0000200000 rw-p 00000000 00:00 0 ');
  t.regex(lines[2] ?? '', / \[stack\]$/);
});

test.serial('figures of memory', (t) => {
  const memory = readText('/proc/meminfo');
  t.regex(memory, /^MemTotal: {9}524288 kB$/m);
  t.regex(memory, /^MemAvailable: +\d+ kB$/m);
  t.regex(memory, /^SwapTotal: +0 kB$/m);
  t.is(readText('/proc/self/statm').split(' ')[1], String((48 << 20) / 4096));
  const status = readText('/proc/self/status');
  t.regex(status, /^VmRSS:\t {3}49152 kB$/m);
  t.regex(status, /^Threads:\t2$/m);
  t.regex(status, /^Umask:\t0022$/m);
});

test.serial('stat has 52 fields where libuv looks for them', (t) => {
  const text = readText('/proc/self/stat');
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .trim()
    .split(' ');
  t.is(fields.length, 50);
  t.is(fields[0], 'R');
  t.is(fields[11], '125', 'utime of all threads in ticks');
  t.is(fields[17], '2', 'threads');
  t.is(fields[20], String(1 << 30), 'virtual size');
  t.is(fields[21], String((48 << 20) / 4096), 'resident pages');
  t.true(text.startsWith('1 (node) R '));
  t.true(readText('/proc/self/task/7/stat').startsWith('7 (libuv-worker) S '));
});

test.serial('figures of CPUs', (t) => {
  const statistics = readText('/proc/stat').split('\n');
  t.is(statistics[0], 'cpu  300 0 100 600 0 0 0 0 0 0');
  t.is(statistics[1], 'cpu0 100 0 50 300 0 0 0 0 0 0');
  t.regex(readText('/proc/cpuinfo'), /^processor\t: 1\n[\s\S]*^model name\t: Test CPU @ 2.60GHz$/m);
  t.regex(readText('/proc/cpuinfo'), /^cpu MHz\t\t: 2600\.000$/m);
  t.is(readText('/proc/loadavg'), '1.50 0.50 0.25 1/2 7\n');
  t.is(readText('/proc/uptime'), '4.25 6.00\n');
  t.is(readText('/sys/devices/system/cpu/online'), '0-1\n');
  t.deepEqual(list('/sys/devices/system/cpu'), [
    'online',
    'possible',
    'present',
    'offline',
    'cpu0',
    'cpu1',
  ]);
});

test.serial('links lead where they say', (t) => {
  t.is(readLink('/proc/self'), '1');
  t.is(readLink('/proc/self/exe'), '/bin/node');
  t.is(readText('/proc/self/exe'), 'elf');
  t.is(readLink('/proc/thread-self'), '1/task/7');
  t.is(readText('/proc/thread-self/comm'), 'libuv-worker\n');
  t.is(readLink('/proc/self/cwd'), '/');
  const file = open('/tmp/f', O.RDWR | O.CREAT);
  t.is(readLink(`/proc/self/fd/${file}`), '/tmp/f');
  must('unlink', '/tmp/f');
  t.is(readLink(`/dev/fd/${file}`), '/tmp/f (deleted)');
  t.deepEqual((list('/proc/self/fd') as string[]).slice(0, 1), [String(file)]);
  t.is(readLink('/proc/self/fd/99'), E.NOENT);
  t.is(readLink('/proc/self/fd/00'), E.NOENT);
  t.regex(readText(`/proc/self/fdinfo/${file}`), /^pos:\t0\nflags:\t0100002\n/);
  t.deepEqual(list('/proc/self/task'), ['1', '7']);
  t.is(open('/proc/self/task/3'), E.NOENT);
  const thread = open('/proc/self/task/7/stat');
  t.is(readLink(`/proc/self/fd/${thread}`), '/proc/1/task/7/stat');
  t.is(statOf('/proc/self/fd/0').mode, 0o120700);
});

test.serial('the rest of what programs ask', (t) => {
  t.is(readText('/proc/self/cmdline'), 'node\0/app/main.mjs\0');
  t.is(readText('/proc/self/environ'), 'PATH=/bin\0');
  t.is(readText('/proc/self/cgroup'), '0::/\n');
  t.regex(readText('/proc/self/limits'), /^Max stack size {12}8388608 {14}unlimited {12}bytes/m);
  t.regex(readText('/proc/self/mountinfo'), /^2 1 0:2 \/ \/tmp rw,relatime - tmpfs tmpfs rw$/m);
  t.regex(readText('/proc/mounts'), /^image \/ ramfs ro,relatime 0 0$/m);
  t.is(readText('/proc/cmdline'), 'log=debug\n');
  t.is(readText('/proc/sys/kernel/osrelease'), '6.1.0-runtime\n');
  t.regex(readText('/proc/sys/kernel/random/uuid'), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/);
  t.is(readText('/proc/sys/kernel/random/boot_id'), readText('/proc/sys/kernel/random/boot_id'));
  t.not(readText('/proc/sys/kernel/random/uuid'), readText('/proc/sys/kernel/random/uuid'));
  t.is(readText('/sys/kernel/mm/transparent_hugepage/hpage_pmd_size'), '2097152\n');
});

test.serial('nothing can be made or changed there', (t) => {
  t.is(open('/proc/new', O.CREAT | O.WRONLY), E.NOENT);
  t.is(call('mkdir', '/sys/new', 0o755), E.PERM);
  t.is(call('unlink', '/proc/meminfo'), E.PERM);
  t.is(call('rmdir', '/proc/self/fd'), E.PERM);
  t.is(open('/proc/meminfo', O.RDWR), E.ACCES);
  t.is(open('/proc/self/exe', O.RDWR), E.ROFS);
});

test.serial('reading in pieces sees one state; reading again sees a new one', (t) => {
  const file = open('/proc/meminfo');
  const whole = readText('/proc/meminfo');
  let text = '';
  const piece = Buffer.alloc(7);
  for (;;) {
    const count = must('read', file, piece, 7);
    if (count === 0) break;
    text += piece.toString('latin1', 0, count);
  }
  t.is(text, whole);
  t.is(must('pread64', file, piece, 7, 0), 7);
  t.is(must('lseek', file, 0, 0), 0);
  t.is(call('lseek', file, 0, 2), E.INVAL);
});

test('/sys has the files that the host handed over, and none whose name leads elsewhere', (t) => {
  const folder = '/sys/firmware/qemu_fw_cfg/by_name/opt';
  t.is(readText(`${folder}/com.example/data/raw`), 'hello');
  t.deepEqual(list(folder), ['com.example']);
});
