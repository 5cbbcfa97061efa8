// AWS: a snapshot imported from a raw disk in S3, registered as an AMI.
// Source: VM Import/Export, "Importing a disk as a snapshot"; aws ec2 register-image.
import { type Plan, setting, type Target } from '../plan.ts';
import { json, shellCommand } from '../text.ts';
import { portList } from './openstack.ts';

/** A region of AWS. */
export const aws: Target = {
  name: 'aws',
  title: 'AWS',
  takesEnvironment: false,
  takesReplicas: true,
  settings: [
    { name: 'bucket', description: 'S3 bucket for the upload', pattern: /^[a-z0-9.-]+$/ },
    { name: 'region', description: 'region', default: 'eu-central-1', pattern: /^[a-z0-9-]+$/ },
    { name: 'instance-type', description: 'type of the instances', default: 't3.micro' },
  ],
  plan(request): Plan {
    const { name, replicas, ports } = request;
    const file = `${name}.raw`;
    const bucket = setting(request, 'bucket');
    const ec2 = (...words: string[]) =>
      shellCommand('aws', 'ec2', ...words, '--region', setting(request, 'region'));
    const query = (path: string) => ['--query', path, '--output', 'text'];
    return {
      artefact: { kind: 'disk', format: 'raw', file },
      files: {
        'disk-container.json': json({
          Description: name,
          Format: 'raw',
          UserBucket: { S3Bucket: bucket, S3Key: file },
        }),
      },
      tools: [{ program: 'aws', remedy: 'Debian: apt-get install awscli' }],
      script: [
        shellCommand(
          ...['aws', 's3', 'cp', file, `s3://${bucket}/${file}`],
          ...['--region', setting(request, 'region')],
        ),
        `task=$(${ec2('import-snapshot', '--disk-container', 'file://disk-container.json', ...query('ImportTaskId'))})`,
        `${ec2('wait', 'snapshot-imported')} --import-task-ids "$task"`,
        `snapshot=$(${ec2('describe-import-snapshot-tasks', ...query('ImportSnapshotTasks[0].SnapshotTaskDetail.SnapshotId'))} --import-task-ids "$task")`,
        `image=$(${ec2(
          ...['register-image', '--name', name, '--architecture', 'x86_64'],
          ...['--virtualization-type', 'hvm', '--boot-mode', 'uefi-preferred', '--ena-support'],
          ...['--root-device-name', '/dev/xvda', ...query('ImageId')],
        )} --block-device-mappings "DeviceName=/dev/xvda,Ebs={SnapshotId=$snapshot,VolumeType=gp3}")`,
        `${ec2(
          ...['run-instances', '--instance-type', setting(request, 'instance-type')],
          ...['--count', String(replicas)],
          ...['--tag-specifications', `ResourceType=instance,Tags=[{Key=Name,Value=${name}}]`],
          ...query('Instances[].InstanceId'),
        )} --image-id "$image"`,
      ],
      notes: [
        'AWS has ENA network cards, for which Runtime.JS has no driver yet: the machine boots and its console ' +
          'shows the app, and it has no network.',
        'The account needs the service role vmimport.',
        `The security group has to let in ${portList(ports)}.`,
      ],
    };
  },
};
