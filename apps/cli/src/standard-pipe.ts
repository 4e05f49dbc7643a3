import { PassThrough, type Readable } from 'node:stream';
import { pipeBytes } from './byte-pipe.js';
import { EXIT } from './exit-code.js';
import type { Reporter } from './report.js';
import type { Line } from './station/line.js';

/**
 * Joins a channel to `source` and standard output. Reports how it ended, and resolves with the exit code. `stopped`
 * aborts when a signal stops the command.
 */
export async function pipeStandard(
  line: Line,
  source: NodeJS.ReadStream | null,
  framed: boolean,
  tell: Reporter,
  stopped?: AbortSignal,
): Promise<number> {
  let input: Readable | null = source;
  let onPeerEnd = (): void => {};
  if (source?.isTTY) {
    // When a person types, no input can be lost. The conversation ends when the peer ends.
    const typed = source.pipe(new PassThrough());
    input = typed;
    onPeerEnd = () => {
      source.unpipe(typed).pause();
      typed.end();
    };
  }
  const end = await pipeBytes(line, { input, output: process.stdout, onPeerEnd }, framed);
  source?.destroy();
  if (end.complete) {
    tell({ event: 'closed', peer: line.peer }, 'complete');
    return EXIT.delivered;
  }
  if (stopped?.aborted === true) {
    tell({ event: 'stopped', peer: line.peer }, 'sws: stopped');
    return EXIT.notDelivered;
  }
  const words = {
    input: `sws: cannot read the input: ${end.detail}`,
    output: `sws: cannot write the output: ${end.detail}`,
    peer: `sws: ${end.detail}`,
    connection: `sws: the connection broke (${end.code}: ${end.detail})`,
  };
  tell({ event: 'broken', peer: line.peer, at: end.at, code: end.code, detail: end.detail }, words[end.at]);
  return end.at === 'output' ? EXIT.failed : EXIT.notDelivered;
}
