// Calls the native code of the tests: `stress NAME THREADS MILLISECONDS`, or `crash NAME`.
import addon from '../../../build/test/guest/native.node';

const [action, name, threads, milliseconds] = process.argv.slice(2);
if (action === 'stress') {
  const stress = addon[name as keyof typeof addon] as (a: number, b: number) => object;
  console.log(JSON.stringify(stress(Number(threads), Number(milliseconds))));
} else {
  console.log(`going to ${name}`);
  callNative(name ?? '');
  console.log('survived');
}

function callNative(kind: string): void {
  addon.crash(kind);
}
