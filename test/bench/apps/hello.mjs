// What both systems run: one line with the time, and the end.
console.log(`hello from Node ${process.version} at ${new Date().toISOString()}`);
