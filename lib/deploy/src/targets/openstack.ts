// OpenStack: an image in Glance, servers in Nova.
// Source: python-openstackclient, image create and server create; Glance, useful image properties.
import { type Plan, setting, type Target } from '../plan.ts';
import { shellCommand, userDataFile, userDataFiles } from '../text.ts';

/** Any OpenStack cloud, as OS_CLOUD or OS_* variables name it. */
export const openstack: Target = {
  name: 'openstack',
  title: 'OpenStack',
  takesEnvironment: true,
  metadata: 'openstack',
  takesReplicas: true,
  settings: [
    { name: 'flavor', description: 'size of the servers, such as m1.small' },
    { name: 'network', description: 'network to plug into' },
    { name: 'firmware', description: 'bios or uefi', default: 'bios', pattern: /^(bios|uefi)$/ },
  ],
  plan(request): Plan {
    const { name, replicas, memory, ports, environment } = request;
    const files = userDataFiles(environment);
    const file = `${name}.qcow2`;
    const properties = [
      'hw_disk_bus=virtio',
      'hw_vif_model=virtio',
      'hw_rng_model=virtio',
      'os_distro=runtimejs',
      ...(setting(request, 'firmware') === 'uefi' ? ['hw_firmware_type=uefi'] : []),
    ];
    return {
      artefact: { kind: 'disk', format: 'qcow2', file },
      files,
      tools: [{ program: 'openstack', remedy: 'Debian: apt-get install python3-openstackclient' }],
      script: [
        `image=$(${shellCommand(
          ...['openstack', 'image', 'create', name, '--file', file],
          ...['--disk-format', 'qcow2', '--container-format', 'bare', '--min-ram', String(memory)],
          ...properties.flatMap((property) => ['--property', property]),
          ...['-f', 'value', '-c', 'id'],
        )})`,
        `${shellCommand(
          ...['openstack', 'server', 'create', '--wait'],
          ...['--flavor', setting(request, 'flavor'), '--network', setting(request, 'network')],
          ...(userDataFile in files ? ['--user-data', userDataFile] : []),
          ...(replicas > 1 ? ['--min', String(replicas), '--max', String(replicas)] : []),
        )} --image "$image" ${shellCommand(name)}`,
      ],
      notes: [
        `Its console: openstack console log show ${name}`,
        `The security group has to let in ${portList(ports)}.`,
      ],
    };
  },
};

/** Ports for a sentence. */
export function portList(
  ports: readonly { readonly port: number; readonly protocol: string }[],
): string {
  if (ports.length === 0) return 'what the app listens on';
  return ports.map(({ port, protocol }) => `${protocol} ${port}`).join(', ');
}
