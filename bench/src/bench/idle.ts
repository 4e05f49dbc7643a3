// Memory of idle registered connections beside a bare `ws` server: `pnpm bench idle [connections [runs]]`.
import { type IdleMemory, idleMemory } from '../idle-memory.js';

const [connections = 15_000, runs = 1] = process.argv.slice(2).map(Number);
const MAX_RATIO = 1.5;
const seen: { readonly ws: IdleMemory; readonly sws: IdleMemory }[] = [];
for (let run = 0; run < runs; run++) {
  const ws = await idleMemory('ws', connections);
  const sws = await idleMemory('sws', connections);
  seen.push({ ws, sws });
  const kib = (memory: IdleMemory): string => `${(memory.bytesPerConnection / 1024).toFixed(1)} KiB`;
  const ratio = sws.bytesPerConnection / ws.bytesPerConnection;
  console.log(`${connections} connections: ws ${kib(ws)} each, sws ${kib(sws)} each, ratio ${ratio.toFixed(2)}`);
}
const ratios = seen.map(({ ws, sws }) => sws.bytesPerConnection / ws.bytesPerConnection).sort((a, b) => a - b);
if ((ratios[Math.floor(ratios.length / 2)] ?? Number.POSITIVE_INFINITY) > MAX_RATIO) process.exit(1);
