// Azure: a managed disk uploaded as a VHD of fixed size, and a machine made from it.
// Source: Azure, "Upload a VHD to Azure"; az disk create, az vm create.
import { type Plan, setting, type Target } from '../plan.ts';
import { shellCommand } from '../text.ts';

/** A resource group of Azure. */
export const azure: Target = {
  name: 'azure',
  title: 'Azure',
  takesEnvironment: false,
  takesReplicas: false,
  settings: [
    { name: 'resource-group', description: 'resource group', pattern: /^[\w().-]+$/ },
    { name: 'location', description: 'location', default: 'westeurope', pattern: /^[a-z0-9]+$/ },
    { name: 'size', description: 'size of the machine', default: 'Standard_B1s' },
    {
      name: 'generation',
      description: 'V1 (BIOS) or V2 (UEFI)',
      default: 'V2',
      pattern: /^V[12]$/,
    },
  ],
  plan(request): Plan {
    const { name, ports } = request;
    const file = `${name}.vhd`;
    const group = ['--resource-group', setting(request, 'resource-group')];
    const az = (...words: string[]) => shellCommand('az', ...words);
    return {
      artefact: { kind: 'disk', format: 'vhd', file },
      files: {},
      tools: [
        { program: 'az', remedy: 'Debian: apt-get install azure-cli' },
        {
          program: 'azcopy',
          remedy: 'see https://learn.microsoft.com/azure/storage/common/storage-use-azcopy-v10',
        },
      ],
      script: [
        `size=$(wc -c < ${file})`,
        `${az(
          ...['disk', 'create', ...group, '--name', name],
          ...['--location', setting(request, 'location'), '--upload-type', 'Upload'],
          ...['--os-type', 'Linux', '--sku', 'Standard_LRS'],
          ...['--hyper-v-generation', setting(request, 'generation')],
        )} --upload-size-bytes "$size"`,
        `place=$(${az(
          ...['disk', 'grant-access', ...group, '--name', name, '--access-level', 'Write'],
          ...['--duration-in-seconds', '3600', '--query', 'accessSas', '--output', 'tsv'],
        )})`,
        `azcopy copy ${shellCommand(file)} "$place" --blob-type PageBlob`,
        az('disk', 'revoke-access', ...group, '--name', name),
        az(
          ...['vm', 'create', ...group, '--name', name, '--attach-os-disk', name],
          ...['--os-type', 'Linux', '--size', setting(request, 'size')],
        ),
        ...ports.map(({ port }, index) =>
          az(
            ...['vm', 'open-port', ...group, '--name', name],
            ...['--port', String(port), '--priority', String(900 + index)],
          ),
        ),
        az('vm', 'boot-diagnostics', 'enable', ...group, '--name', name),
      ],
      notes: [
        "Azure has Hyper-V's network cards, for which Runtime.JS has no driver yet: the machine boots and its " +
          'console shows the app, and it has no network.',
        `Its console: az vm boot-diagnostics get-boot-log ${group.join(' ')} --name ${name}`,
      ],
    };
  },
};
