import type { Readable, Writable } from 'node:stream';
import { printable } from './report.js';
import { type Line, STOPPED } from './station/line.js';

/**
 * The subprotocol of one byte stream each way with an end of its own, which a WebSocket does not have. Binary messages are the
 * bytes. The text `end` says that no more bytes follow in this direction; the text `done` answers it once all of them have been
 * written out. Whoever has sent and received `done` closes with 1000: nothing is then under way.
 */
export const TUNNEL_PROTOCOL = 'sws.tunnel.v1';
const END = 'end';
const DONE = 'done';
/** Close code of an end whose own input or output failed (4000–4999 are the application's, RFC 6455 §7.4.2). */
export const LOCAL_FAILURE = 4000;
/** Close code towards a peer that does not keep to the subprotocol. */
const NOT_THE_PROTOCOL = 4002;

/** What a peer is told at the end. */
export interface CloseInfo {
  readonly closeCode: number;
  readonly reason: string;
}

/** What a channel is joined to. */
export interface ByteEnds {
  /** Read no faster than the peer takes it; `null` for nothing to send. */
  readonly input: Readable | null;
  /** Written no faster than it takes: the peer waits meanwhile. */
  readonly output: Writable;
  /** The peer has ended and all of it is written. */
  readonly onPeerEnd?: () => void;
  /** What the peer is told when input or output fails. @defaultValue 4000 and which of them it was */
  readonly closeFor?: (error: Error) => CloseInfo | undefined;
}

/** How it ended; `at` names whose fault it was. */
export type PipeEnd =
  | { readonly complete: true }
  | {
      readonly complete: false;
      readonly at: 'input' | 'output' | 'peer' | 'connection';
      readonly code: string;
      readonly detail: string;
    };

/**
 * Joins a channel to an input and an output until both directions have ended, or one failed. With `framed` false the other end is
 * any program: text is written out as UTF-8, and the end of input closes the channel for both. An input that has not
 * ended is left to the caller to destroy.
 */
export async function pipeBytes(line: Line, ends: ByteEnds, framed: boolean): Promise<PipeEnd> {
  const { input, output } = ends;
  let failure: PipeEnd | null = null;
  let unsent = false;
  let ended = false;
  let sentDone = false;
  let gotDone = false;

  const fail = (at: 'input' | 'output' | 'peer', detail: string, { closeCode, reason }: CloseInfo): void => {
    if (failure !== null || ended) return;
    failure = { complete: false, at, code: `${at}-failed`, detail };
    line.close(closeCode, reason);
    // What still comes is dropped, so that the peer's answer behind it arrives.
    line.drain();
  };
  const failLocally = (at: 'input' | 'output') => (reason: unknown) => {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    fail(at, error.message, ends.closeFor?.(error) ?? { closeCode: LOCAL_FAILURE, reason: `${at} failed` });
  };
  const inputFailed = failLocally('input');
  const outputFailed = failLocally('output');
  const finish = (): void => {
    if (sentDone && gotDone) line.close(1000);
  };

  const send = async (): Promise<void> => {
    for await (const chunk of input?.iterator({ destroyOnReturn: false }) ?? []) {
      if (await line.write(chunk)) continue;
      unsent = true; // read, and nobody is there to take it
      return;
    }
    if (framed) await line.write(END);
    else if (input !== null) line.close(1000);
  };
  const receive = async (): Promise<void> => {
    for (;;) {
      const value = await line.read();
      if (value === null) return;
      if (framed && value === END) {
        ends.onPeerEnd?.();
        sentDone = await line.write(DONE);
        finish();
      } else if (framed && value === DONE) {
        gotDone = true;
        finish();
      } else if (framed && typeof value === 'string')
        return fail('peer', 'the peer sent a text that is not part of the protocol', {
          closeCode: NOT_THE_PROTOCOL,
          reason: 'not a text of this protocol',
        });
      else {
        try {
          await written(output, value);
        } catch (error) {
          return outputFailed(error);
        }
      }
    }
  };

  input?.on('error', inputFailed);
  output.on('error', outputFailed);
  send().catch(inputFailed);
  void receive();
  const close = await line.closed;
  ended = true;
  // Without the framing: what the peer has not acknowledged is lost, also once the socket is closed.
  const complete = framed ? sentDone && gotDone : !unsent && close.pendingBytes === 0;
  input?.off('error', inputFailed);
  output.off('error', outputFailed);
  if (failure !== null) return failure;
  if (close.failure !== null) return { complete: false, at: 'connection', ...close.failure };
  const normal = close.closeCode === 1000 || close.closeCode === 1005;
  if (complete && normal) return { complete: true };
  if (close.closeCode === STOPPED)
    return { complete: false, at: 'peer', code: 'stopped', detail: 'the peer’s command was stopped' };
  const detail = normal
    ? 'the peer closed before everything was delivered'
    : `the peer closed with ${close.closeCode} ${printable(close.reason)}`.trimEnd();
  return { complete: false, at: 'peer', code: 'peer-closed', detail };
}

/** Resolves when the bytes have left the output's buffer. */
function written(output: Writable, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}
