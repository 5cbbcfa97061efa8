// KubeVirt: a container disk, and a VirtualMachine or a set of replicas.
// Source: KubeVirt user guide: container disks, VirtualMachineInstanceReplicaSet.
import { type DeployRequest, type Plan, setting, type Target } from '../plan.ts';
import { json, shellCommand } from '../text.ts';

function manifest(request: DeployRequest, reference: string): string {
  const { name, memory, cpus, replicas, ports } = request;
  const labels = { 'app.kubernetes.io/name': name };
  const metadata = { name, namespace: setting(request, 'namespace'), labels };
  const template = {
    metadata: { labels },
    spec: {
      domain: {
        cpu: { cores: cpus },
        memory: { guest: `${memory}Mi` },
        devices: {
          disks: [{ name: 'root', disk: { bus: 'virtio' } }],
          interfaces: [{ name: 'default', masquerade: {}, model: 'virtio' }],
          rng: {},
          autoattachGraphicsDevice: false,
        },
        ...(setting(request, 'firmware') === 'uefi'
          ? { firmware: { bootloader: { efi: { secureBoot: false } } } }
          : {}),
      },
      networks: [{ name: 'default', pod: {} }],
      terminationGracePeriodSeconds: 40,
      volumes: [{ name: 'root', containerDisk: { image: reference } }],
    },
  };
  const machine =
    replicas === 1
      ? { kind: 'VirtualMachine', metadata, spec: { runStrategy: 'Always', template } }
      : {
          kind: 'VirtualMachineInstanceReplicaSet',
          metadata,
          spec: { replicas, selector: { matchLabels: labels }, template },
        };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: {
      selector: labels,
      ports: ports.map(({ port, protocol }) => ({
        name: `${protocol}-${port}`,
        port,
        targetPort: port,
        protocol: protocol.toUpperCase(),
      })),
    },
  };
  const items = [
    { apiVersion: 'kubevirt.io/v1', ...machine },
    ...(ports.length > 0 ? [service] : []),
  ];
  return json({ apiVersion: 'v1', kind: 'List', items });
}

/** A Kubernetes cluster with KubeVirt. */
export const kubevirt: Target = {
  name: 'kubevirt',
  title: 'KubeVirt',
  takesEnvironment: false,
  takesReplicas: true,
  settings: [
    {
      name: 'image',
      description: 'where the container disk is pushed, such as registry.example/team/app:1',
      pattern: /^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)+(:[A-Za-z0-9_.-]+)?$/,
    },
    { name: 'namespace', description: 'namespace of the cluster', default: 'default' },
    { name: 'firmware', description: 'bios or uefi', default: 'bios', pattern: /^(bios|uefi)$/ },
  ],
  plan(request): Plan {
    const reference = setting(request, 'image');
    const archive = `${request.name}.oci.tar`;
    return {
      artefact: { kind: 'container-disk', file: archive, reference },
      files: { 'manifest.json': manifest(request, reference) },
      tools: [
        { program: 'skopeo', remedy: 'Debian: apt-get install skopeo' },
        { program: 'kubectl', remedy: 'see https://kubernetes.io/docs/tasks/tools/' },
      ],
      script: [
        shellCommand('skopeo', 'copy', `oci-archive:${archive}`, `docker://${reference}`),
        shellCommand('kubectl', 'apply', '-f', 'manifest.json'),
      ],
      notes: [`Its console: virtctl console ${request.name}`],
    };
  },
};
