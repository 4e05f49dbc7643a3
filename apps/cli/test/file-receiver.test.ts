import { setImmediate as turn } from 'node:timers/promises';
import { type ConnectionEvent, Endpoint } from '@sws/client';
import { Identity } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { afterEach, expect, test } from 'vitest';
import { FILES_PROTOCOL } from '../dist/file-protocol.js';
import { FileReceiver } from '../dist/file-receiver.js';
import { Progress } from '../dist/progress.js';
import { DirectLine } from '../dist/station/direct-line.js';
import { StoredFiles } from '../dist/stored-files.js';
import { useStage } from './sws.js';

const stage = useStage();
const endpoints: Endpoint[] = [];
afterEach(async () => {
  for (const endpoint of endpoints.splice(0)) await endpoint.close();
});

function endpoint(): Endpoint {
  const made = new Endpoint(stage.now.relay.url, {
    identity: Identity.generate(randomBytes),
    accept: () => ({ protocol: FILES_PROTOCOL }),
  });
  endpoints.push(made);
  return made;
}

test('a channel ends only after the channels whose files it waits for', async () => {
  const [alice, bob] = [endpoint(), endpoint()];
  const order: string[] = [];
  let release = (): void => {};
  const before = new Promise<void>((resolve) => {
    release = resolve;
  });
  const options = {
    folder: stage.now.folder,
    force: false,
    maxBytes: 1,
    preserve: true,
    stored: new StoredFiles(),
    agree: async () => true,
    whenFree: () => before,
    hasRoom: () => true,
  };
  const over = new Promise<void>((resolve) => {
    bob.addEventListener('connection', async ({ socket }: ConnectionEvent) => {
      const end = await new FileReceiver(new DirectLine(socket), options, new Progress(null)).end;
      order.push(`this one: ${end.over ? 'over' : 'not over'}`);
      resolve();
    });
  });
  const { publicKey } = await bob.ready;
  const socket = alice.connect(publicKey, { protocols: FILES_PROTOCOL, waitForPeerMs: 30_000 });
  const closed = new Promise((resolve) => socket.addEventListener('close', resolve));
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  socket.send(JSON.stringify({ type: 'offer', files: [{ name: 'f', size: 1 }] }));
  socket.close(1000);
  await closed; // bob's end has answered: it is closed as well
  for (let turns = 0; turns < 100; turns++) await turn();
  order.push('the one before it');
  release();
  await over;
  expect(order).toEqual(['the one before it', 'this one: not over']);
});
