// Prints what the host told this machine alone.
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

const data = '/sys/firmware/qemu_fw_cfg/by_name/opt/runtimejs/user-data/raw';
let userData: string | undefined;
try {
  userData = readFileSync(data, 'utf8');
} catch {
  // The host gave none.
}
const { A, B, C, GREETING, EMPTY } = process.env;
console.log(
  `settings ${JSON.stringify({
    environment: { A, B, C, GREETING, EMPTY },
    arguments: process.argv.slice(2),
    hostname: hostname(),
    kernel: readFileSync('/proc/sys/kernel/hostname', 'utf8').trim(),
    userData,
  })}`,
);
