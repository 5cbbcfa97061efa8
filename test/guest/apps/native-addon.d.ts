declare module '*/native.node' {
  /** What a stress test found. */
  interface StressResult {
    /** Checks made, over all threads. */
    readonly rounds: number;
    /** Checks that found changed state. */
    readonly mismatches: number;
    /** Signals handled. */
    readonly signals: number;
  }

  const addon: {
    stressRegisters(threads: number, milliseconds: number): StressResult;
    stressVectors(threads: number, milliseconds: number): StressResult;
    stressSignals(threads: number, milliseconds: number): StressResult;
    /** Makes a mistake of native code; see native/crash.cc for their names. */
    crash(kind: string): void;
    /** Makes a group of system calls and prints what came back; see native/calls.cc for the names. */
    calls(group: string): void;
  };
  export default addon;
}

declare module '*/torture.node' {
  const addon: {
    /** Runs all activities, or the one that is named; see torture/torture.h. */
    run(seconds: number, seed: number, stallSeconds: number, only: string): void;
  };
  export default addon;
}

declare module '*/microbench.node' {
  const addon: {
    /** Samples in nanoseconds by what was measured; see microbench/addon.cc. */
    run(): Record<string, number[]>;
  };
  export default addon;
}
