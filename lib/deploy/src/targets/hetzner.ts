// Hetzner Cloud: a snapshot made from a raw disk, through a server in rescue mode.
// Source: hcloud-upload-image, README; hcloud server create.
import { type Plan, setting, type Target } from '../plan.ts';
import { shellCommand, userDataFile, userDataFiles } from '../text.ts';

/** A project of Hetzner Cloud. */
export const hetzner: Target = {
  name: 'hetzner',
  title: 'Hetzner Cloud',
  takesEnvironment: true,
  metadata: 'hetzner',
  takesReplicas: false,
  settings: [
    { name: 'location', description: 'location', default: 'fsn1', pattern: /^[a-z]+\d*$/ },
    { name: 'type', description: 'type of the server', default: 'cx22', pattern: /^c[a-z]+\d+$/ },
  ],
  plan(request): Plan {
    const { name, environment } = request;
    const files = userDataFiles(environment);
    const file = `${name}.raw`;
    const label = `runtimejs=${name}`;
    return {
      artefact: { kind: 'disk', format: 'raw', file },
      files,
      tools: [
        { program: 'hcloud', remedy: 'Debian: apt-get install hcloud-cli' },
        {
          program: 'hcloud-upload-image',
          remedy: 'see https://github.com/apricote/hcloud-upload-image',
        },
      ],
      script: [
        shellCommand(
          ...['hcloud-upload-image', 'upload', '--image-path', file, '--architecture', 'x86'],
          ...['--description', name, '--labels', label],
        ),
        `image=$(${shellCommand(
          ...['hcloud', 'image', 'list', '--type', 'snapshot', '--selector', label],
          ...['--sort', 'created:desc', '-o', 'noheader', '-o', 'columns=id'],
        )} | head -n 1)`,
        `${shellCommand(
          ...['hcloud', 'server', 'create', '--name', name, '--type', setting(request, 'type')],
          ...['--location', setting(request, 'location')],
          ...(userDataFile in files ? ['--user-data-from-file', userDataFile] : []),
        )} --image "$image"`,
      ],
      notes: ['hcloud-upload-image needs the variable HCLOUD_TOKEN.'],
    };
  },
};
