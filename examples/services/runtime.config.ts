import { defineConfig } from '@runtimejs/cli';

export default defineConfig({
  services: [{ service: './matcher.ts', placement: 'own', heapLimit: '16M', turnLimit: 1000 }],
  endpoints: ['matcher'],
});
