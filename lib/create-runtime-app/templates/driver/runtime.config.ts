import { defineConfig } from '@runtimejs/cli';

export default defineConfig({
  memory: 256,
  ports: [8080],
  // Only what is named here is in the image.
  drivers: ['@runtimejs/virtio-rng', './src/edu/driver.ts'],
  // The device: QEMU's example for driver authors.
  qemu: ['-device', 'edu'],
});
