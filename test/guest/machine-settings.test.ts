// One image, many machines: what QEMU's fw_cfg gives to each.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import type { BootResult } from '../../lib/cli/src/machine.ts';
import { boot, guestInitrd, tail } from './support/guest.ts';

const folder = await mkdtemp(path.join(tmpdir(), 'runtimejs-settings-'));
test.after.always(() => rm(folder, { recursive: true, force: true }));

/** Boots with files of fw_cfg. */
async function bootWith(
  files: Readonly<Record<string, string>>,
  append = 'log=info',
  more: readonly string[] = [],
): Promise<BootResult> {
  const extraArguments: string[] = [...more];
  for (const [index, [name, content]] of Object.entries(files).entries()) {
    const file = path.join(folder, String(index));
    await writeFile(file, content);
    extraArguments.push('-fw_cfg', `name=opt/runtimejs/${name},file=${file}`);
  }
  const initrd = await guestInitrd('machine-settings', 'apps/machine-settings.ts', {
    environment: { A: 'of the image', B: 'of the image', C: 'of the image' },
  });
  return boot(initrd, { append, extraArguments });
}

function settingsOf({ output }: BootResult) {
  return JSON.parse(/^settings (.*)$/m.exec(output)?.[1] ?? 'null');
}

test.serial('variables, arguments, host name and user data reach the app', async (t) => {
  const result = await bootWith(
    {
      'env/A': 'of the machine\n',
      'env/EMPTY': '',
      environment: '# a comment\n\nGREETING=hello = world\r\nB=too\n',
      arguments: 'first\nsecond word\n',
      hostname: 'web-7.example\n',
      'user-data': '#cloud-config\nü\n',
    },
    'log=info env.A=cmdline env.C=cmdline -- zeroth',
  );
  t.deepEqual(
    settingsOf(result),
    {
      environment: {
        A: 'of the machine',
        B: 'too',
        C: 'cmdline',
        GREETING: 'hello = world',
        EMPTY: '',
      },
      arguments: ['zeroth', 'first', 'second word'],
      hostname: 'web-7.example',
      kernel: 'web-7.example',
      userData: '#cloud-config\nü\n',
    },
    tail(result),
  );
  t.is(result.code, 0);
});

test.serial('what is wrong is told and left out, and the app starts', async (t) => {
  const result = await bootWith({
    'env/A': 'x\0y',
    environment: 'no equals sign\nB=ok',
    hostname: 'two words',
    arguments: '',
  });
  t.regex(result.output, /fw_cfg: opt\/runtimejs\/env\/A holds a NUL character and is ignored/);
  t.regex(result.output, /opt\/runtimejs\/environment has a line that is not NAME=value/);
  t.regex(result.output, /opt\/runtimejs\/hostname is not a host name/);
  t.is(result.code, 0, tail(result));
  const { environment, hostname, arguments: parameters } = settingsOf(result);
  t.deepEqual(environment, { A: 'of the image', B: 'ok', C: 'of the image' });
  t.is(hostname, 'runtimejs');
  t.deepEqual(parameters, []);
});

test.serial(
  "the host name of cloud-init's NoCloud arrives in the SMBIOS serial number",
  async (t) => {
    const smbios = ['-smbios', 'type=1,manufacturer=x,serial=ds=nocloud;i=7;h=from-smbios'];
    t.is(settingsOf(await bootWith({}, 'log=info', smbios)).hostname, 'from-smbios');
  },
);
