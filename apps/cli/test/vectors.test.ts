import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pipeBytes, TUNNEL_PROTOCOL } from '../dist/byte-pipe.js';
import { FILES_PROTOCOL, readReceiverMessage, readSenderMessage } from '../dist/file-protocol.js';
import { FileReceiver } from '../dist/file-receiver.js';
import { FileSender } from '../dist/file-sender.js';
import { OutgoingFile } from '../dist/outgoing-file.js';
import { Progress } from '../dist/progress.js';
import { StoredFiles } from '../dist/stored-files.js';
import { ScriptedLine, type Step } from './scripted-line.js';

interface TunnelVectors {
  readonly protocol: string;
  readonly transcripts: readonly {
    readonly name: string;
    readonly steps: readonly Step[];
    readonly output: string;
    readonly complete: boolean;
  }[];
}
interface Texts {
  readonly valid: readonly { readonly name: string; readonly text: string; readonly message: unknown }[];
  readonly invalid: readonly { readonly name: string; readonly text: string }[];
}
interface FileVectors {
  readonly protocol: string;
  readonly sender: Texts;
  readonly receiver: Texts;
  readonly transfers: readonly {
    readonly name: string;
    readonly role: 'sender' | 'receiver';
    readonly steps: readonly Step[];
    readonly files: readonly { readonly name: string; readonly bytes: string }[];
  }[];
}

async function read<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
}
const tunnel = await read<TunnelVectors>('tunnel.json');
const files = await read<FileVectors>('files.json');

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sws-vectors-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Plays the other end; this one must do what the vector says. */
async function play(line: ScriptedLine, steps: readonly Step[], input = new PassThrough()): Promise<void> {
  for (const step of steps) {
    if ('peer' in step) line.hear(step.peer);
    else if ('sends' in step) expect(await line.next()).toEqual(step.sends);
    else if ('closes' in step) expect(await line.next()).toEqual({ close: step.closes });
    else if (step.input === null) input.end();
    else input.write(Buffer.from(step.input, 'hex'));
  }
}

test('the subprotocols match the vectors', () => {
  expect([TUNNEL_PROTOCOL, FILES_PROTOCOL]).toEqual([tunnel.protocol, files.protocol]);
});

test.each(tunnel.transcripts)('a tunnel: $name', async ({ steps, output, complete }) => {
  const line = new ScriptedLine(TUNNEL_PROTOCOL);
  const [input, out] = [new PassThrough(), new PassThrough()];
  const ended = pipeBytes(line, { input, output: out }, true);
  await play(line, steps, input);
  expect((await ended).complete).toBe(complete);
  expect((out.read() as Buffer | null)?.toString('hex') ?? '').toBe(output);
});

describe.each([
  ['a sender', files.sender, readSenderMessage],
  ['a receiver', files.receiver, readReceiverMessage],
] as const)('%s', (_who, { valid, invalid }, readMessage) => {
  test.each(valid)('sends $name', ({ text, message }) => {
    expect(readMessage(text)).toEqual(message);
  });
  test.each(invalid)('does not send $name', ({ text }) => {
    expect(readMessage(text)).toBeNull();
  });
});

test.each(files.transfers.filter(({ role }) => role === 'receiver'))('receiving: $name', async (transfer) => {
  const line = new ScriptedLine(FILES_PROTOCOL);
  const receiver = new FileReceiver(
    line,
    {
      folder,
      force: false,
      maxBytes: 1_000_000,
      preserve: true,
      stored: new StoredFiles(),
      agree: async () => true,
      whenFree: async () => {},
      hasRoom: () => true,
    },
    new Progress(null),
  );
  await play(line, transfer.steps);
  await receiver.end;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => !entry.isDirectory() && !entry.name.endsWith('.part'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  const found = names
    .sort()
    .map(async (name) => ({ name, bytes: (await readFile(join(folder, name))).toString('hex') }));
  expect(await Promise.all(found)).toEqual(transfer.files);
});

test.each(files.transfers.filter(({ role }) => role === 'sender'))('sending: $name', async (transfer) => {
  const line = new ScriptedLine(FILES_PROTOCOL);
  const outgoing = transfer.files.map(async ({ name, bytes }) => {
    await writeFile(join(folder, name), Buffer.from(bytes, 'hex'));
    return OutgoingFile.open(join(folder, name), { preserve: false });
  });
  const sent = new FileSender(line, await Promise.all(outgoing), new Progress(null)).run();
  await play(line, transfer.steps);
  await sent;
});
