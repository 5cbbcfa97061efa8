// Deployments: definitions go through the judges that exist (libvirt's schemas, skopeo, GNU tar, shellcheck),
// scripts run with tools that only write down how they were called.
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  IoK8sApiCoreV1ServiceFromJSON,
  IoK8sApiCoreV1ServiceToJSON,
} from '@kubevirt-ui-ext/kubevirt-api/kubernetes';
import {
  V1VirtualMachineFromJSON,
  V1VirtualMachineInstanceReplicaSetFromJSON,
  V1VirtualMachineInstanceReplicaSetToJSON,
  V1VirtualMachineToJSON,
} from '@kubevirt-ui-ext/kubevirt-api/kubevirt';
import test from 'ava';
import { execa } from 'execa';
import { containerDisk } from '../../lib/deploy/src/container-disk.ts';
import { findTarget, runDeployment, scriptText, targets } from '../../lib/deploy/src/index.ts';
import { checkRequest, type DeployRequest, type Plan } from '../../lib/deploy/src/plan.ts';
import { diskContent, tar } from '../../lib/deploy/src/tar.ts';
import { SparseDisk } from '../../lib/image/src/disk/sparse-disk.ts';

const folder = await mkdtemp(path.join(tmpdir(), 'runtimejs-deploy-'));
test.after.always(() => rm(folder, { recursive: true, force: true }));

/** Settings that have no default. */
const required: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  proxmox: { host: 'root@pve1', vmid: '120' },
  kubevirt: { image: 'registry.example/team/app:7' },
  nomad: { url: 'https://files.example/app.qcow2' },
  openstack: { flavor: 'm1.small', network: 'private net' },
  gce: { bucket: 'my-bucket' },
  aws: { bucket: 'my-bucket' },
  azure: { 'resource-group': 'group' },
  digitalocean: { url: 'https://files.example/app.raw.gz', 'ssh-key': '12:34' },
};

const awkward = { GREETING: `it's <"quoted">, $HOME & more` };

function request(name: string, change: Partial<DeployRequest> = {}): DeployRequest {
  return {
    name: 'my-app',
    memory: 256,
    cpus: 2,
    replicas: 1,
    ports: [
      { port: 8080, protocol: 'tcp' },
      { port: 53, protocol: 'udp' },
    ],
    environment: {},
    settings: required[name] ?? {},
    ...change,
  };
}

function planFor(name: string, change: Partial<DeployRequest> = {}): Plan {
  const target = findTarget(name);
  return target.plan(checkRequest(target, request(name, change)));
}

/** Programs that write their arguments, one call a line, and answer with something like an identifier. */
async function fakeTools(programs: readonly string[]): Promise<{ bin: string; log: string }> {
  const bin = await mkdtemp(path.join(folder, 'bin-'));
  const log = path.join(bin, 'log');
  for (const program of [...programs, 'qm']) {
    const file = path.join(bin, program);
    if (program === 'ssh') {
      // As sshd does: the words become one line of a shell.
      await writeFile(file, '#!/bin/sh\nshift\nexec sh -c "$*"\n', { mode: 0o755 });
      continue;
    }
    const answer = program === 'doctl' ? '{"status": "available"}' : `id-of-${program}`;
    await writeFile(
      file,
      `#!/bin/sh\n{ printf '%s' ${program}; for word in "$@"; do printf '|%s' "$word"; done; echo; } >> '${log}'\necho '${answer}'\n`,
    );
    await chmod(file, 0o755);
  }
  return { bin, log };
}

/** What a target's script calls; RUNTIMEJS_UPDATE_CALLS=1 writes it anew. */
function expectedCalls(name: string): string {
  return path.join(import.meta.dirname, 'deploy-calls', `${name}.txt`);
}

for (const target of targets) {
  test(`${target.name}: the script is one that shellcheck has nothing against`, async (t) => {
    const environment = target.takesEnvironment ? awkward : {};
    const file = path.join(folder, `${target.name}.sh`);
    await writeFile(file, scriptText(target, planFor(target.name, { environment })));
    // SC2029: what ssh runs is quoted here already. SC1003: so are quotes within.
    const { all, failed } = await execa('shellcheck', ['--exclude=SC2029,SC1003', file], {
      all: true,
      reject: false,
    });
    t.false(failed, all);
  });

  test(`${target.name}: the script calls the provider's tools to its end`, async (t) => {
    const plan = planFor(target.name, target.takesEnvironment ? { environment: awkward } : {});
    const own = await mkdtemp(path.join(folder, `${target.name}-`));
    await writeFile(path.join(own, plan.artefact.file), 'an image');
    for (const [name, content] of Object.entries(plan.files)) {
      await writeFile(path.join(own, name), content);
    }
    const script = path.join(own, 'deploy.sh');
    await writeFile(script, scriptText(target, plan));
    const { bin, log } = await fakeTools(plan.tools.map(({ program }) => program));
    await execa('sh', [script], { env: { PATH: `${bin}:${process.env.PATH}` } });
    const calls = await readFile(log, 'utf8');
    if (process.env.RUNTIMEJS_UPDATE_CALLS === '1')
      await writeFile(expectedCalls(target.name), calls);
    t.is(calls, await readFile(expectedCalls(target.name), 'utf8'));
  });
}

test('libvirt: the domain is valid to libvirt, with awkward variables and either firmware', async (t) => {
  for (const firmware of ['bios', 'uefi']) {
    for (const type of ['kvm', 'qemu']) {
      const plan = planFor('libvirt', { environment: awkward, settings: { firmware, type } });
      const file = path.join(folder, `domain-${firmware}-${type}.xml`);
      await writeFile(file, plan.files['domain.xml']!);
      const result = await execa('virt-xml-validate', [file, 'domain'], {
        all: true,
        reject: false,
      });
      t.is(result.exitCode, 0, result.all);
    }
  }
  const domain = planFor('libvirt', { environment: awkward }).files['domain.xml']!;
  t.regex(domain, /<entry name="opt\/runtimejs\/env\/GREETING">it's &lt;&quot;quoted/);
});

test('kubevirt: skopeo reads the container disk, and GNU tar the disk in its layer', async (t) => {
  const disk = Buffer.from('a disk');
  const archive = path.join(folder, 'disk.oci.tar');
  const reference = 'registry.example/team/app:7';
  await writeFile(archive, Buffer.concat([...containerDisk(disk, 'disk.qcow2', reference)]));
  const layout = path.join(folder, 'layout');
  await execa('skopeo', ['copy', '--insecure-policy', `oci-archive:${archive}`, `oci:${layout}:x`]);
  const { stdout } = await execa('skopeo', ['inspect', `oci:${layout}:x`]);
  const description = JSON.parse(stdout);
  t.is(description.Architecture, 'amd64');
  t.is(description.Layers.length, 1);
  const blob = path.join(layout, 'blobs/sha256', description.Layers[0].replace('sha256:', ''));
  const { stdout: list } = await execa('tar', ['--numeric-owner', '-tvzf', blob]);
  t.regex(list, /-r--r----- 107\/107\s+6 1970-01-01 .* disk\/disk\.qcow2/);
  const { stdout: content } = await execa('tar', ['-xOzf', blob, 'disk/disk.qcow2']);
  t.is(content, 'a disk');
});

test('kubevirt: one machine, or a set of replicas, behind a service', (t) => {
  const items = (replicas: number) =>
    JSON.parse(planFor('kubevirt', { replicas }).files['manifest.json']!).items;
  const [one, service] = items(1);
  t.is(one.kind, 'VirtualMachine');
  t.is(one.spec.template.spec.volumes[0].containerDisk.image, 'registry.example/team/app:7');
  t.deepEqual(
    service.spec.ports.map(({ port, protocol }: { port: number; protocol: string }) => [
      port,
      protocol,
    ]),
    [
      [8080, 'TCP'],
      [53, 'UDP'],
    ],
  );
  const [many] = items(3);
  t.is(many.kind, 'VirtualMachineInstanceReplicaSet');
  t.is(many.spec.replicas, 3);
  t.deepEqual(many.spec.selector.matchLabels, many.spec.template.metadata.labels);
});

test("kubevirt: KubeVirt's own API knows every key, and Kubernetes' that of the service", (t) => {
  for (const replicas of [1, 3]) {
    for (const firmware of ['bios', 'uefi']) {
      const settings = { ...required.kubevirt, firmware };
      const manifest = planFor('kubevirt', { replicas, settings }).files['manifest.json']!;
      for (const item of JSON.parse(manifest).items) {
        const throughApi = {
          VirtualMachine: () => V1VirtualMachineToJSON(V1VirtualMachineFromJSON(item)),
          VirtualMachineInstanceReplicaSet: () =>
            V1VirtualMachineInstanceReplicaSetToJSON(
              V1VirtualMachineInstanceReplicaSetFromJSON(item),
            ),
          Service: () => IoK8sApiCoreV1ServiceToJSON(IoK8sApiCoreV1ServiceFromJSON(item)),
        }[item.kind as string];
        // What the API does not know gets lost on the way.
        t.deepEqual(JSON.parse(JSON.stringify(throughApi?.())), item, item.kind);
      }
    }
  }
});

test('nomad: variables reach QEMU, with commas doubled', (t) => {
  const { Job } = JSON.parse(
    planFor('nomad', { environment: { A: 'x,y' }, replicas: 4 }).files['job.json']!,
  );
  const [group] = Job.TaskGroups;
  t.is(group.Count, 4);
  t.true(group.Tasks[0].Config.args.includes('name=opt/runtimejs/env/A,string=x,,y'));
});

test('google: GNU tar finds disk.raw as it is', async (t) => {
  const disk = new SparseDisk(3 * 1024 * 1024, [
    { offset: 5000, bytes: Buffer.from('middle') },
    { offset: 3 * 1024 * 1024 - 3, bytes: Buffer.from('end') },
  ]);
  const file = path.join(folder, 'disk.tar');
  const entry = { name: 'disk.raw', size: disk.size, content: diskContent(disk) };
  await writeFile(file, Buffer.concat([...tar([entry])]));
  const out = path.join(folder, 'google');
  await mkdir(out);
  await execa('tar', ['-xf', file, '-C', out]);
  const raw = await readFile(path.join(out, 'disk.raw'));
  t.is(raw.length, disk.size);
  t.is(raw.toString('latin1', 5000, 5006), 'middle');
  t.is(raw.toString('latin1', disk.size - 3), 'end');
});

test('clouds: variables are user data, one a line', (t) => {
  for (const name of ['openstack', 'gce', 'digitalocean', 'hetzner']) {
    const { files, script } = planFor(name, { environment: awkward });
    t.is(files['user-data'], `# Variables of the app, one a line.\nGREETING=${awkward.GREETING}\n`);
    t.regex(script.join('\n'), /user-data/, name);
    t.is(findTarget(name).metadata, name as 'gce');
    t.deepEqual(planFor(name).files, {}, 'none without variables');
    t.throws(() => planFor(name, { environment: { A: 'two\nlines' } }), { message: /one line/ });
  }
});

test('what cannot be done is refused with what can', (t) => {
  const refused = (name: string, change: Partial<DeployRequest>) =>
    t.throws(() => planFor(name, change)).message;
  t.regex(t.throws(() => findTarget('heroku')).message, /no target "heroku".*libvirt, proxmox/);
  t.regex(refused('libvirt', { name: 'My App' }), /"My App" cannot be the name.*--name/s);
  t.regex(refused('libvirt', { replicas: 2 }), /one machine for each definition/);
  t.regex(refused('libvirt', { settings: { pol: 'x' } }), /no setting "pol".*pool/);
  t.regex(refused('libvirt', { settings: { firmware: 'efi' } }), /"efi" cannot be the firmware/);
  t.regex(refused('gce', { settings: {} }), /needs --set bucket=/);
  t.regex(refused('aws', { environment: { A: '1' } }), /no way to give variables.*A/s);
  t.regex(refused('nomad', { environment: { 'A-B': '1' } }), /"A-B" cannot be given/);
  t.regex(refused('nomad', { environment: { A: '1\n2' } }), /more than one line/);
});

test('a tool that is not installed is named, with where to get it', async (t) => {
  const target = findTarget('kubevirt');
  const deployment = {
    plan: {
      ...target.plan(checkRequest(target, request('kubevirt'))),
      tools: [{ program: 'no-such-tool', remedy: 'see there' }],
    },
    artefact: '',
    script: path.join(folder, 'none.sh'),
    files: [],
  };
  const error = await t.throwsAsync(runDeployment(deployment));
  t.regex(error.message, /no-such-tool is not installed \(see there\)\. .*none\.sh/);
});
