import type { Readable, Writable } from 'node:stream';
import { printable } from './report.js';
import { type Line, STOPPED } from './station/line.js';

/**
 * The subprotocol of one byte stream in each direction. Each direction ends separately, which a WebSocket cannot do.
 * Binary messages are the bytes. The text `end` says that no more bytes follow in this direction. The text `done`
 * answers it once all of them are written out. An end that has sent and received `done` closes with 1000: nothing is
 * then in flight.
 */
export const TUNNEL_PROTOCOL = 'sws.tunnel.v1';
const END = 'end';
const DONE = 'done';
/** Close code of an end whose own input or output failed (4000–4999 are the application's, RFC 6455 §7.4.2). */
export const LOCAL_FAILURE = 4000;
/** Close code for a peer that violates the subprotocol. */
const NOT_THE_PROTOCOL = 4002;

/** The close code and reason for a peer. */
export interface CloseInfo {
  readonly closeCode: number;
  readonly reason: string;
}

/** The local ends of a channel. */
export interface ByteEnds {
  /** Read no faster than the peer takes it; `null` for nothing to send. */
  readonly input: Readable | null;
  /** Written no faster than it accepts; the peer waits meanwhile. */
  readonly output: Writable;
  /** Called when the peer has ended and all its bytes are written. */
  readonly onPeerEnd?: () => void;
  /** The close for the peer when input or output fails. @defaultValue 4000, and which of them failed */
  readonly closeFor?: (error: Error) => CloseInfo | undefined;
}

/** How the pipe ended. `at` names the end that failed. */
export type PipeEnd =
  | { readonly complete: true }
  | {
      readonly complete: false;
      readonly at: 'input' | 'output' | 'peer' | 'connection';
      readonly code: string;
      readonly detail: string;
    };

/**
 * Joins a channel to an input and an output until both directions have ended, or one failed. With `framed` false the
 * other end is any program: text is written out as UTF-8, and the end of input closes the channel for both. An input
 * that has not ended is left to the caller to destroy.
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
    // Drop further data, to receive the peer's answer after it.
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
      unsent = true; // the bytes were read, but the peer cannot get them
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
  // Without the framing, bytes that the peer has not acknowledged are lost, even if the socket closed cleanly.
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
