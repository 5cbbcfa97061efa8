// DigitalOcean: a custom image that is fetched from a URL.
// Source: DigitalOcean, custom images; doctl compute image create.
import { type Plan, setting, type Target } from '../plan.ts';
import { shellCommand, userDataFile, userDataFiles } from '../text.ts';

/** An account of DigitalOcean. */
export const digitalocean: Target = {
  name: 'digitalocean',
  title: 'DigitalOcean',
  takesEnvironment: true,
  metadata: 'digitalocean',
  takesReplicas: false,
  settings: [
    {
      name: 'url',
      description:
        'where DigitalOcean fetches the image from, such as https://files.example/app.raw.gz',
      pattern: /^https?:\/\/.+/,
    },
    { name: 'region', description: 'region', default: 'fra1', pattern: /^[a-z]+\d+$/ },
    { name: 'size', description: 'size of the droplet', default: 's-1vcpu-512mb-10gb' },
    { name: 'ssh-key', description: 'fingerprint or number of a key: custom images need one' },
  ],
  plan(request): Plan {
    const { name, environment } = request;
    const files = userDataFiles(environment);
    const file = `${name}.raw.gz`;
    const region = setting(request, 'region');
    return {
      artefact: { kind: 'gzip', file },
      files,
      tools: [{ program: 'doctl', remedy: 'see https://docs.digitalocean.com/reference/doctl/' }],
      script: [
        `image=$(${shellCommand(
          ...['doctl', 'compute', 'image', 'create', name, '--image-url', setting(request, 'url')],
          ...['--region', region, '--image-distribution', 'Unknown'],
          ...['--format', 'ID', '--no-header'],
        )})`,
        '# The import takes some minutes.',
        `until doctl compute image get "$image" --output json | tr -d ' \\n' | grep -q '"status":"available"'; do`,
        '  sleep 10',
        'done',
        `${shellCommand(
          ...['doctl', 'compute', 'droplet', 'create', name, '--region', region, '--wait'],
          ...['--size', setting(request, 'size'), '--ssh-keys', setting(request, 'ssh-key')],
          ...(userDataFile in files ? ['--user-data-file', userDataFile] : []),
        )} --image "$image"`,
      ],
      notes: [
        `Put ${file} where ${setting(request, 'url')} finds it before you run the script.`,
        'DigitalOcean configures IPv6 through its metadata service only; the machine uses IPv4.',
      ],
    };
  },
};
