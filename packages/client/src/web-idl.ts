/** Conversions of the WebSocket interface's arguments (Web IDL, JavaScript binding). */

type Bytes = Uint8Array<ArrayBuffer>;
function succeeds(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

/** Recognises a Blob by its internal slot, which the getter reads. This also works for a Blob of another realm. */
function isBlob(value: unknown): value is Blob {
  return succeeds(() => Reflect.get(Blob.prototype, 'size', value));
}

function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return succeeds(() => Reflect.get(ArrayBuffer.prototype, 'byteLength', value));
}

/**
 * Whether a value that is not an ArrayBuffer is shared memory. Pages that are not isolated can get such memory from
 * WebAssembly, but do not have its class.
 */
function isSharedMemory(value: unknown): boolean {
  return succeeds(() => new DataView(value as SharedArrayBuffer));
}

function copyOf(buffer: ArrayBuffer, part: { readonly byteOffset: number; readonly byteLength: number }): Bytes {
  if ((buffer as ArrayBuffer & { readonly resizable?: boolean }).resizable === true)
    throw new TypeError('data must not be a resizable ArrayBuffer');
  // A detached buffer has no bytes, and its DataView would throw.
  if (buffer.byteLength === 0) return new Uint8Array(0);
  return new Uint8Array(buffer.slice(part.byteOffset, part.byteOffset + part.byteLength));
}

/** Converts to DOMString. @throws TypeError for a Symbol */
export function toDomString(value: unknown): string {
  return `${value}`;
}

/**
 * Converts the argument of `send` to a copy of its bytes, text or a Blob. @throws TypeError for a Symbol, for shared or
 * resizable memory, and for a Blob that cannot be read
 */
export function toSendItem(value: unknown): string | Bytes | Blob {
  if (typeof value === 'string') return value;
  // Check the most frequent type first. A getter that does not find its slot throws, which costs more than sealing.
  if (ArrayBuffer.isView(value)) {
    const { buffer } = value;
    if (!isArrayBuffer(buffer)) throw new TypeError('data must not be shared memory');
    return copyOf(buffer, value);
  }
  if (isArrayBuffer(value)) return copyOf(value, { byteOffset: 0, byteLength: value.byteLength });
  if (isBlob(value)) {
    // A Blob of jsdom cannot be read, and would block everything sent after it.
    if (typeof value.arrayBuffer !== 'function')
      throw new TypeError('data is a Blob without arrayBuffer(): it cannot be read');
    return value;
  }
  if (isSharedMemory(value)) throw new TypeError('data must not be shared memory');
  return toDomString(value);
}

/**
 * Converts to `[Clamp] unsigned short`: rounds to the nearest integer, ties to even, within 0–65535; NaN is 0.
 * @throws TypeError for a BigInt or Symbol
 */
export function toClampedUnsignedShort(value: unknown): number {
  // Unary plus is ToNumber; `Number()` would accept a BigInt.
  const number = +(value as number);
  if (Number.isNaN(number)) return 0;
  const clamped = Math.min(Math.max(number, 0), 65_535);
  const floor = Math.floor(clamped);
  const fraction = clamped - floor;
  return fraction > 0.5 || (fraction === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/**
 * Converts to `(DOMString or sequence<DOMString>)`: an iterable object to a sequence, else to one string. @throws
 * TypeError
 */
export function toStringOrSequence(value: unknown): string[] {
  const object = typeof value === 'object' || typeof value === 'function' ? value : null;
  const iterator: unknown = (object as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] ?? null;
  return iterator === null ? [toDomString(value)] : toSequence(value);
}

/** Converts to `[EnforceRange] unsigned short`. @throws TypeError unless it is 0–65,535 */
export function toEnforcedUnsignedShort(value: unknown): number {
  const number = Math.trunc(+(value as number));
  if (!(number >= 0 && number <= 65_535)) throw new TypeError(`closeCode must be 0–65,535, got ${value}`);
  return number;
}

/** Converts to a dictionary: an object, or an empty one for `null` and `undefined`. @throws TypeError */
export function toDictionary<T extends object>(value: T | null | undefined): Partial<T> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' && typeof value !== 'function')
    throw new TypeError(`options must be an object, got ${typeof value}`);
  return value;
}

/** Converts to `sequence<USVString>`. @throws TypeError unless it is an iterable object */
export function toSequence(value: unknown): string[] {
  if (typeof value === 'string') throw new TypeError('protocols must be a list of strings, got a string');
  const list: string[] = [];
  for (const item of value as Iterable<unknown>) list.push(toDomString(item));
  return list;
}
