// libvirt: a domain, with its disk in a storage pool.
// Source: libvirt, formatdomain.html; virsh(1).
import { type DeployRequest, type Plan, setting, type Target } from '../plan.ts';
import { firmwareFiles, shellCommand, uuidOf, xml } from '../text.ts';

function domain(request: DeployRequest, volume: string): string {
  const { name, memory, cpus, environment } = request;
  const files = firmwareFiles(environment);
  const sysinfo = files.map(
    ([file, content]) => `    <entry name="${xml(file)}">${xml(content)}</entry>`,
  );
  const firmware = setting(request, 'firmware') === 'uefi' ? ' firmware="efi"' : '';
  return [
    `<domain type="${setting(request, 'type')}">`,
    `  <name>${name}</name>`,
    `  <uuid>${uuidOf(`libvirt ${name}`)}</uuid>`,
    `  <memory unit="MiB">${memory}</memory>`,
    `  <vcpu>${cpus}</vcpu>`,
    ...(sysinfo.length > 0 ? ['  <sysinfo type="fwcfg">', ...sysinfo, '  </sysinfo>'] : []),
    `  <os${firmware}>`,
    '    <type arch="x86_64" machine="q35">hvm</type>',
    '    <boot dev="hd"/>',
    '  </os>',
    '  <features>',
    '    <acpi/>',
    '    <apic/>',
    '  </features>',
    setting(request, 'type') === 'kvm'
      ? '  <cpu mode="host-passthrough"/>'
      : '  <cpu mode="maximum"/>',
    '  <clock offset="utc"/>',
    '  <on_poweroff>destroy</on_poweroff>',
    '  <on_reboot>restart</on_reboot>',
    '  <on_crash>restart</on_crash>',
    '  <devices>',
    '    <disk type="volume" device="disk">',
    '      <driver name="qemu" type="qcow2"/>',
    `      <source pool="${xml(setting(request, 'pool'))}" volume="${xml(volume)}"/>`,
    '      <target dev="vda" bus="virtio"/>',
    '    </disk>',
    '    <interface type="network">',
    `      <source network="${xml(setting(request, 'network'))}"/>`,
    '      <model type="virtio"/>',
    '    </interface>',
    '    <serial type="pty"/>',
    '    <console type="pty"/>',
    '    <rng model="virtio">',
    '      <backend model="random">/dev/urandom</backend>',
    '    </rng>',
    '  </devices>',
    '</domain>',
    '',
  ].join('\n');
}

/** Any host with libvirt, also a distant one. */
export const libvirt: Target = {
  name: 'libvirt',
  title: 'libvirt',
  takesEnvironment: true,
  takesReplicas: false,
  settings: [
    { name: 'connect', description: 'URI of the host', default: 'qemu:///system' },
    { name: 'pool', description: 'storage pool for the disk', default: 'default' },
    { name: 'network', description: 'network to plug into', default: 'default' },
    { name: 'type', description: 'kvm or qemu', default: 'kvm', pattern: /^(kvm|qemu)$/ },
    { name: 'firmware', description: 'bios or uefi', default: 'bios', pattern: /^(bios|uefi)$/ },
  ],
  plan(request): Plan {
    const volume = `${request.name}.qcow2`;
    const pool = setting(request, 'pool');
    const virsh = (...words: string[]) =>
      shellCommand('virsh', '--connect', setting(request, 'connect'), ...words);
    return {
      artefact: { kind: 'disk', format: 'qcow2', file: volume },
      files: { 'domain.xml': domain(request, volume) },
      tools: [{ program: 'virsh', remedy: 'Debian: apt-get install libvirt-clients' }],
      script: [
        '# What ran under this name makes room.',
        `${virsh('destroy', request.name)} 2> /dev/null || true`,
        `${virsh('vol-delete', volume, '--pool', pool)} 2> /dev/null || true`,
        `${virsh('vol-create-as', pool, volume, '0', '--format', 'raw')} > /dev/null`,
        virsh('vol-upload', volume, volume, '--pool', pool),
        virsh('define', 'domain.xml'),
        virsh('start', request.name),
      ],
      notes: [`Its console: ${virsh('console', request.name)}`],
    };
  },
};
