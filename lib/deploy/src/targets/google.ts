// Google Compute Engine: a custom image from a tarball in Cloud Storage.
// Source: Compute Engine, "Manually import boot disks"; gcloud compute images create.
import { type Plan, setting, type Target } from '../plan.ts';
import { shellCommand, userDataFile, userDataFiles } from '../text.ts';
import { portList } from './openstack.ts';

/** A project of Google Cloud. */
export const google: Target = {
  name: 'gce',
  title: 'Google Compute Engine',
  takesEnvironment: true,
  metadata: 'gce',
  takesReplicas: false,
  settings: [
    {
      name: 'bucket',
      description: 'Cloud Storage bucket for the upload',
      pattern: /^[a-z0-9._-]+$/,
    },
    { name: 'zone', description: 'zone of the machine', default: 'europe-west1-b' },
    { name: 'machine-type', description: 'type of the machine', default: 'e2-micro' },
  ],
  plan(request): Plan {
    const { name, ports, environment } = request;
    const files = userDataFiles(environment);
    const file = `${name}.tar.gz`;
    const object = `gs://${setting(request, 'bucket')}/${file}`;
    const gcloud = (...words: string[]) => shellCommand('gcloud', ...words);
    return {
      artefact: { kind: 'disk-tar', file },
      files,
      tools: [{ program: 'gcloud', remedy: 'see https://cloud.google.com/sdk/docs/install' }],
      script: [
        gcloud('storage', 'cp', file, object),
        gcloud(
          ...['compute', 'images', 'create', name, `--source-uri=${object}`],
          ...[
            '--architecture=X86_64',
            '--guest-os-features=UEFI_COMPATIBLE,VIRTIO_SCSI_MULTIQUEUE',
          ],
        ),
        gcloud(
          ...['compute', 'instances', 'create', name, `--image=${name}`],
          ...[`--zone=${setting(request, 'zone')}`],
          ...[`--machine-type=${setting(request, 'machine-type')}`],
          '--network-interface=nic-type=VIRTIO_NET',
          ...(userDataFile in files ? [`--metadata-from-file=user-data=${userDataFile}`] : []),
        ),
      ],
      notes: [
        `Its console: gcloud compute instances get-serial-port-output ${name} --zone=${setting(request, 'zone')}`,
        `A firewall rule has to let in ${portList(ports)}.`,
        'Machine types that offer gVNIC only, such as C3, have no network yet: there is no driver for it.',
      ],
    };
  },
};
