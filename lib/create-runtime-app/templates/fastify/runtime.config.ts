import { defineConfig } from '@runtimejs/cli';

export default defineConfig({
  memory: 256,
  ports: [8080],
});
