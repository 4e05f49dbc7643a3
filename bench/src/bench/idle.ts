// Compares the memory of idle registered connections with that of idle connections to a bare `ws` server:
// `pnpm bench idle [--quick] [connections [turns]]`.
import { Comparison } from '../comparison.js';
import { idleMemory } from '../idle-memory.js';

const quick = process.argv.includes('--quick');
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const [connections = quick ? 1_000 : 15_000, turns = 1] = asked.map(Number);
const MAX_RATIO = 1.5;
const KIB = 1_024;

const comparison = new Comparison({
  name: 'idle',
  title: 'Holding an idle connection',
  unit: 'KiB of resident memory per idle connection',
});
const row = `${connections.toLocaleString('en')} connections`;
for (let turn = 0; turn < turns; turn++) {
  for (const [name, kind] of [
    ['bare ws', 'ws'],
    ['SWS', 'sws'],
  ] as const)
    comparison.add(row, name, (await idleMemory(kind, connections)).bytesPerConnection / KIB);
}
const { median } = comparison.ratio([row, 'SWS'], [row, 'bare ws'], MAX_RATIO);
comparison.note(
  'The memory is read from the operating system after garbage collection. 1,000 other connections were open before the measured ones.',
);
comparison.finish(!quick && asked.length === 0);
if (median > MAX_RATIO) process.exit(1);
