// TypeScript declares WebAssembly for browsers only; this is what the cases use of it.

/** Linear memory of a WebAssembly module. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  grow(pages: number): number;
}

interface WasmApi {
  readonly Memory: new (limits: {
    initial: number;
    maximum?: number;
    shared?: boolean;
  }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
  readonly RuntimeError: ErrorConstructor;
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(bytes: Uint8Array): Promise<{ readonly instance: { readonly exports: object } }>;
  validate(bytes: Uint8Array): boolean;
}

/** The engine's WebAssembly object. */
export const wasmApi = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;
