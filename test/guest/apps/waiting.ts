// Says that it runs, then keeps the processor busy now and then until somebody ends the machine.
console.log('waiting');
setInterval(() => {
  for (let i = 0; i < 1e5; i++) Math.sqrt(i);
}, 20);
