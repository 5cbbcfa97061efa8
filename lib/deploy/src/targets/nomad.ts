// Nomad: a job for its QEMU driver.
// Source: Nomad, JSON job specification; task driver qemu.
import { type DeployRequest, type Plan, setting, type Target } from '../plan.ts';
import { firmwareArguments, json, shellCommand } from '../text.ts';

function job(request: DeployRequest): string {
  const { name, memory, cpus, replicas, ports, environment } = request;
  const file = `${name}.qcow2`;
  const label = ({ port, protocol }: { port: number; protocol: string }) => `${protocol}${port}`;
  // The driver forwards TCP and UDP of the same number.
  const numbers = [...new Map(ports.map((port) => [port.port, port])).values()];
  const task = {
    Name: name,
    Driver: 'qemu',
    Artifacts: [{ GetterSource: setting(request, 'url'), RelativeDest: 'local/' }],
    Config: {
      image_path: `local/${file}`,
      accelerator: setting(request, 'accelerator'),
      graceful_shutdown: true,
      port_map: [Object.fromEntries(numbers.map((port) => [label(port), port.port]))],
      args: [
        ...['-smp', String(cpus), '-device', 'virtio-rng-pci'],
        ...firmwareArguments(environment),
      ],
    },
    Resources: { CPU: 500 * cpus, MemoryMB: memory },
    KillTimeout: 40_000_000_000,
  };
  return json({
    Job: {
      ID: name,
      Name: name,
      Type: 'service',
      Datacenters: [setting(request, 'datacenter')],
      TaskGroups: [
        {
          Name: name,
          Count: replicas,
          Networks: [
            { DynamicPorts: numbers.map((port) => ({ Label: label(port), To: port.port })) },
          ],
          Services: numbers.map((port) => ({
            Name: `${name}-${port.port}`,
            PortLabel: label(port),
            Provider: 'nomad',
          })),
          Tasks: [task],
        },
      ],
    },
  });
}

/** A Nomad cluster. */
export const nomad: Target = {
  name: 'nomad',
  title: 'Nomad',
  takesEnvironment: true,
  takesReplicas: true,
  settings: [
    {
      name: 'url',
      description: 'where the clients fetch the disk from, such as https://files.example/app.qcow2',
      pattern: /^[a-z0-9]+:.+\.qcow2(\?.*)?$/,
    },
    { name: 'datacenter', description: 'datacenter of the job', default: 'dc1' },
    { name: 'accelerator', description: 'kvm or tcg', default: 'kvm', pattern: /^(kvm|tcg)$/ },
  ],
  plan(request): Plan {
    const file = `${request.name}.qcow2`;
    return {
      artefact: { kind: 'disk', format: 'qcow2', file },
      files: { 'job.json': job(request) },
      tools: [{ program: 'nomad', remedy: 'see https://developer.hashicorp.com/nomad/install' }],
      script: [shellCommand('nomad', 'job', 'run', '-json', 'job.json')],
      notes: [
        `Put ${file} where ${setting(request, 'url')} finds it, under this name, before you run the script.`,
        'The clients need QEMU, and the plugin qemu with args_allowlist = ["-smp", "-device", "-fw_cfg"] or none.',
      ],
    };
  },
};
