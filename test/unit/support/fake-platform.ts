export * from '@runtimejs/platform/fake.ts';
