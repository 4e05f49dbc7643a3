// Memory of idle registered connections beside a bare `ws` server: `pnpm bench idle [--quick] [connections [turns]]`.
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
  'Read from the operating system after garbage collection, beside 1,000 connections that were there before.',
);
comparison.finish(!quick && asked.length === 0);
if (median > MAX_RATIO) process.exit(1);
