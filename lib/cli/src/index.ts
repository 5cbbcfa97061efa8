/** What `runtime.config.ts` imports. */
export {
  type ConfigContext,
  type ConfigExport,
  defineConfig,
  type RestartPolicy,
  type RuntimeConfig,
  type StaticNetwork,
} from './config/config.ts';
