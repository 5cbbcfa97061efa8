// Proxmox VE: a machine made with qm(1), on the host itself or through ssh.
// Source: Proxmox VE, qm(1).
import { type DeployRequest, type Plan, setting, type Target } from '../plan.ts';
import { firmwareArguments, shellCommand, shellWord } from '../text.ts';

function createOptions(request: DeployRequest): string[] {
  const options = [
    ...['--name', request.name, '--memory', String(request.memory)],
    ...['--cores', String(request.cpus), '--cpu', 'host', '--ostype', 'other', '--machine', 'q35'],
    ...['--net0', `virtio,bridge=${setting(request, 'bridge')}`, '--serial0', 'socket'],
    ...['--rng0', 'source=/dev/urandom', '--onboot', '1'],
  ];
  if (setting(request, 'firmware') === 'uefi') {
    options.push('--bios', 'ovmf', '--efidisk0', `${setting(request, 'storage')}:0`);
  }
  const firmware = firmwareArguments(request.environment);
  if (firmware.length > 0) options.push('--args', firmware.map(shellWord).join(' '));
  return options;
}

/** A Proxmox VE host. */
export const proxmox: Target = {
  name: 'proxmox',
  title: 'Proxmox VE',
  takesEnvironment: true,
  takesReplicas: false,
  settings: [
    {
      name: 'host',
      description: 'where qm runs, for ssh, such as root@pve1',
      pattern: /^[^\s-]\S*$/,
    },
    { name: 'vmid', description: 'number of the machine, from 100 on', pattern: /^[1-9]\d{2,8}$/ },
    { name: 'storage', description: 'storage for the disk', default: 'local-lvm' },
    { name: 'bridge', description: 'bridge to plug into', default: 'vmbr0' },
    { name: 'firmware', description: 'bios or uefi', default: 'bios', pattern: /^(bios|uefi)$/ },
  ],
  plan(request): Plan {
    const host = setting(request, 'host');
    const id = setting(request, 'vmid');
    const remote = `/var/tmp/${request.name}.qcow2`;
    const qm = (...words: string[]) => shellCommand('ssh', host, shellCommand('qm', ...words));
    const disk = `${setting(request, 'storage')}:0,import-from=${remote}`;
    return {
      artefact: { kind: 'disk', format: 'qcow2', file: `${request.name}.qcow2` },
      files: {},
      tools: [
        { program: 'ssh', remedy: 'Debian: apt-get install openssh-client' },
        { program: 'scp', remedy: 'Debian: apt-get install openssh-client' },
      ],
      script: [
        shellCommand('scp', `${request.name}.qcow2`, `${host}:${remote}`),
        qm('create', id, ...createOptions(request)),
        qm('set', id, '--virtio0', disk, '--boot', 'order=virtio0'),
        shellCommand('ssh', host, shellCommand('rm', '-f', remote)),
        qm('start', id),
      ],
      notes: [
        `Its console: ssh -t ${host} qm terminal ${id}`,
        'It needs Proxmox VE 7.2 or newer, for import-from. Variables (--env) need root@pam.',
      ],
    };
  },
};
