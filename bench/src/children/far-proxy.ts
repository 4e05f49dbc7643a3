// A proxy that makes a port far and narrow: `far-proxy.js <port> <one-way delay, ms> <bytes a second, or Infinity>`.
import { report } from '@sws/testing/children/report';
import { FarProxy } from '@sws/testing/far-proxy';

const [target = 0, delayMs = 0, bytesPerSecond = 0] = process.argv.slice(2).map(Number);
const { port } = await FarProxy.start(target, { delayMs, bytesPerSecond });
report('ready', { port });
