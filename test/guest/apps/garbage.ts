// Makes garbage that outlives a few collections of young objects, for machines with little memory.
const rounds = 400;
const kept: object[][] = [];

function make(round: number): object[] {
  return Array.from({ length: 5000 }, (_, index) => ({ round, index, text: `${round}-${index}` }));
}

let round = 0;
const timer = setInterval(() => {
  kept.push(make(round));
  if (kept.length > 24) kept.shift();
  if (++round < rounds) return;
  clearInterval(timer);
  console.log(`${kept.flat().length} objects are left`);
}, 0);
