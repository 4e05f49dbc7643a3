import { equal, ok, throwsType } from './assert.js';
import { closeFully, dial, next, open, type Statement } from './statement.js';

const CLAUSE = 'binaryType attribute';

export const binaryTypeStatements: readonly Statement[] = [
  {
    clause: `${CLAUSE}; Web IDL, enumerations`,
    says: 'it accepts blob and arraybuffer in every state, and ignores any other value',
    async run(subject) {
      const socket = dial(subject);
      const set = (value: unknown) => Reflect.set(socket, 'binaryType', value);
      set('arraybuffer');
      equal(socket.binaryType, 'arraybuffer');
      for (const value of ['', 'Blob', 'BLOB', 'nodebuffer', null, undefined, 0, {}]) set(value);
      equal(socket.binaryType, 'arraybuffer');
      set({ toString: () => 'blob' });
      equal(socket.binaryType, 'blob');
      throwsType(() => set(Symbol('blob')));
      await next(socket, 'open');
      set('arraybuffer');
      await closeFully(socket);
      set('blob');
      equal(socket.binaryType, 'blob');
    },
  },
  {
    clause: `${CLAUSE}; a WebSocket message has been received`,
    says: 'binary data is a Blob, or an ArrayBuffer, of exactly the message',
    async run(subject) {
      const socket = await open(subject);
      socket.send(Uint8Array.of(1, 2, 3));
      const { data: blob } = await next(socket, 'message');
      ok(blob instanceof Blob, 'a Blob');
      equal([blob.size, blob.type], [3, '']);
      equal([...new Uint8Array(await blob.arrayBuffer())], [1, 2, 3]);
      socket.binaryType = 'arraybuffer';
      socket.send(Uint8Array.of(4, 5));
      const { data: buffer } = await next(socket, 'message');
      ok(buffer instanceof ArrayBuffer, 'an ArrayBuffer');
      equal([buffer.byteLength, ...new Uint8Array(buffer)], [2, 4, 5]);
      socket.send(new ArrayBuffer(0));
      equal((await next(socket, 'message')).data.byteLength, 0);
      socket.close();
    },
  },
  {
    clause: `${CLAUSE}; a WebSocket message has been received`,
    says: 'its value when the event fires counts, and it may change between messages',
    async run(subject) {
      const socket = await open(subject);
      const kinds: string[] = [];
      const three = new Promise<void>((resolve) => {
        socket.onmessage = ({ data }) => {
          kinds.push(data instanceof Blob ? 'blob' : 'arraybuffer');
          socket.binaryType = data instanceof Blob ? 'arraybuffer' : 'blob';
          if (kinds.length === 3) resolve();
        };
      });
      for (let i = 0; i < 3; i++) socket.send(new ArrayBuffer(1));
      await three;
      equal(kinds, ['blob', 'arraybuffer', 'blob']);
      socket.close();
    },
  },
  {
    clause: `${CLAUSE}; a WebSocket message has been received`,
    says: 'text is a string for every value',
    async run(subject) {
      const socket = await open(subject);
      for (const type of ['blob', 'arraybuffer'] as const) {
        socket.binaryType = type;
        socket.send('text');
        equal((await next(socket, 'message')).data, 'text');
      }
      socket.close();
    },
  },
];
