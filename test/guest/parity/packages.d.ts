declare module 'bufferutil' {
  /** Masks data as RFC 6455, section 5.3 says. */
  export function mask(
    source: Buffer,
    mask: Buffer,
    output: Buffer,
    offset: number,
    length: number,
  ): void;
}
