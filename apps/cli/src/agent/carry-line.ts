import { setTimeout as delay } from 'node:timers/promises';
import { type Line, STOPPED } from '../station/line.js';
import type { LocalSocket } from './local-socket.js';

/** How long a peer may take to answer the close for a command that is gone. Without a relay it cannot answer. */
const GONE_MS = 2_000;

/**
 * Joins a line to the local socket of its command until the line ends, and tells the command how it ended. Each side
 * is read no faster than the other accepts. If the command is gone, the line is closed with 4001 without waiting for
 * it.
 */
export async function carryLine(local: LocalSocket, line: Line): Promise<void> {
  let takenBytes = 0;
  let commandIsGone = false;
  let isDraining = false;
  const leave = (): void => {
    commandIsGone = true;
    line.close(STOPPED, 'stopped');
  };
  const fromCommand = async (): Promise<void> => {
    try {
      for (let frame = await local.next(); frame !== null; frame = await local.next()) {
        if (frame.kind === 'bytes') {
          if (await line.write(frame.bytes as Uint8Array<ArrayBuffer>)) takenBytes += frame.bytes.length;
        } else if (frame.kind === 'text') await line.write(frame.text);
        else if (frame.value.type === 'drain') isDraining = true;
        else line.close(Number(frame.value.closeCode), String(frame.value.reason));
      }
    } finally {
      leave();
    }
  };
  const toCommand = async (): Promise<void> => {
    for (;;) {
      const message = await line.read();
      if (message === null) return;
      if (!isDraining && !commandIsGone) await local.write(message);
    }
  };
  // Do not wait for a command that is gone, even if the line does not accept the rest of its data.
  const left = new Promise<void>((resolve) => local.socket.once('close', () => resolve())).then(leave);
  const gone = Promise.race([left, fromCommand().catch(() => local.destroy())]).then(() =>
    delay(GONE_MS, null, { ref: false }),
  );
  const sent = toCommand();
  const ended = await Promise.race([line.closed, gone]);
  if (ended === null) return;
  const { pendingBytes, ...end } = ended;
  await sent;
  local.writeJson({ type: 'closed', ...end, takenBytes: takenBytes - pendingBytes });
}
