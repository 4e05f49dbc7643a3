#!/usr/bin/env node
// Load the program only after this check, because an older Node cannot load it.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 20 || (major === 20 && minor >= 19)) await import('./program.js');
else {
  console.error(`sws: needs Node 20.19 or newer; this is Node ${process.versions.node}`);
  process.exitCode = 1;
}

export {};
