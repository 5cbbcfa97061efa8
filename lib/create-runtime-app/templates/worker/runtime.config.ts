import { defineConfig } from '@runtimejs/cli';

export default defineConfig({
  memory: 192,
  ports: [8080],
});
