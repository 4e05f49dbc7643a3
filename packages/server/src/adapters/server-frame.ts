/** Opcodes of RFC 6455 §5.2. */
const TEXT = 1;
export const BINARY = 2;
const FIN = 0x80;

/** The bytes of an unmasked, unfragmented frame around `data` (RFC 6455 §5.2). */
export function frameBytes(data: string | Uint8Array): number {
  const length = Buffer.byteLength(data);
  return headBytes(length) + length;
}

/** Writes such a frame at `at`. Returns the offset after it. */
export function writeFrame(target: Buffer, at: number, data: string | Uint8Array): number {
  if (typeof data === 'string') {
    const length = Buffer.byteLength(data);
    const start = writeHead(target, at, TEXT, length);
    target.write(data, start);
    return start + length;
  }
  const start = writeHead(target, at, BINARY, data.length);
  target.set(data, start);
  return start + data.length;
}

/** Writes a frame's head at `at`. Returns the offset of its payload. */
export function writeHead(target: Buffer, at: number, opcode: 1 | 2, length: number): number {
  target[at] = FIN | opcode;
  if (length < 126) {
    target[at + 1] = length;
    return at + 2;
  }
  if (length < 65_536) {
    target[at + 1] = 126;
    target.writeUInt16BE(length, at + 2);
    return at + 4;
  }
  target[at + 1] = 127;
  target.writeUInt32BE(0, at + 2);
  target.writeUInt32BE(length, at + 6);
  return at + 10;
}

/** The bytes of a frame's head before a payload of `length` bytes. */
export function headBytes(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}
