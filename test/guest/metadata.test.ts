// One image, many machines of a cloud: what its metadata service gives to each.
import test from 'ava';
import type { BootResult } from '../../lib/cli/src/machine.ts';
import { type MetadataService, metadataParts } from '../../lib/cli/src/metadata/metadata.ts';
import { inRepository, nodeBinary } from '../../lib/cli/src/paths.ts';
import { boot, guestInitrd, tail } from './support/guest.ts';

interface FakeService {
  readonly answers: Readonly<Record<string, string>>;
  readonly header?: string;
}

/** Boots a machine whose network has a metadata service. */
async function bootBeside(name: MetadataService, service: FakeService): Promise<BootResult> {
  const { files, nodeOptions, environment } = metadataParts(name);
  const initrd = await guestInitrd(`metadata-${name}`, 'apps/metadata.ts', {
    files,
    arguments: ['node', '--enable-source-maps', ...nodeOptions, '/app/main.mjs', 'word'],
    environment: { OF_IMAGE: 'image', GREETING: 'image', ...environment },
  });
  const program = inRepository('test/guest/support/metadata-service.ts');
  const settings = Buffer.from(JSON.stringify(service)).toString('base64');
  const network = [
    'user,id=net0,net=169.254.169.0/24,host=169.254.169.2,dns=169.254.169.3',
    'dhcpstart=169.254.169.15',
    `guestfwd=tcp:169.254.169.254:80-cmd:${nodeBinary} ${program} ${settings}`,
  ].join(',');
  return boot(initrd, {
    extraArguments: ['-netdev', network, '-device', 'virtio-net-pci,netdev=net0,romfile='],
  });
}

function settingsOf(result: BootResult) {
  return JSON.parse(/^settings (.*)$/m.exec(result.output)?.[1] ?? 'null');
}

test.serial('user data and host name of Compute Engine reach the app', async (t) => {
  const userData = '# a comment\nGREETING=hello = wörld\nnonsense\n';
  const result = await bootBeside('gce', {
    header: 'Metadata-Flavor: Google',
    answers: {
      '/computeMetadata/v1/instance/attributes/user-data': userData,
      '/computeMetadata/v1/instance/hostname': 'web-7.example.internal',
    },
  });
  t.deepEqual(
    settingsOf(result),
    {
      GREETING: 'hello = wörld',
      OF_IMAGE: 'image',
      HOSTNAME: 'web-7.example.internal',
      userData,
      words: ['word'],
    },
    tail(result),
  );
  t.regex(result.output, /the user data has a line that is not NAME=value; it is ignored/);
  t.is(result.code, 0);
});

test.serial('a machine without user data starts with what is in its image', async (t) => {
  const result = await bootBeside('hetzner', {
    answers: { '/hetzner/v1/metadata/hostname': 'server-1\n' },
  });
  t.deepEqual(
    settingsOf(result),
    {
      ...{ GREETING: 'image', OF_IMAGE: 'image', HOSTNAME: 'server-1' },
      ...{ userData: null, words: ['word'] },
    },
    tail(result),
  );
});
