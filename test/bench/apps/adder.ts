// What bench:rpc calls, in whichever way, and how often.

/** What is called both ways. */
export interface Adder {
  add(one: number, other: number): number;
  back(bytes: Uint8Array): Uint8Array;
}

export type Add = (one: number, other: number) => Promise<number>;
export type Back = (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;

/** Makes calls, so many of them under way at a time. @returns calls per second */
export async function makeCalls(add: Add, concurrency: number, calls: number): Promise<number> {
  let left = calls;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      if ((await add(left, 1)) !== left + 1 && concurrency === 1) throw new Error('A wrong sum.');
    }
  };
  const begin = performance.now();
  await Promise.all(Array.from({ length: concurrency }, lane));
  return (calls * 1000) / (performance.now() - begin);
}

/** @returns microseconds that a buffer takes there and back, each of the times */
export async function movesIn(back: Back, size: number, times: number): Promise<number[]> {
  const taken: number[] = [];
  let bytes: Uint8Array = new Uint8Array(size);
  for (let count = 0; count < times; count += 1) {
    const begin = performance.now();
    bytes = await back(bytes as Uint8Array<ArrayBuffer>);
    taken.push((performance.now() - begin) * 1000);
    if (bytes.length !== size) throw new Error('It came back changed.');
  }
  return taken;
}
