/** What `runtime.config.ts` imports. */
export {
  type ConfigContext,
  type ConfigExport,
  type DriverChoice,
  defineConfig,
  type MetadataProvider,
  type RestartPolicy,
  type RuntimeConfig,
  type ScreenChoice,
  type StaticNetwork,
} from './config/config.ts';
