/** How the arguments of the WebSocket interface are converted (Web IDL, JavaScript binding). */

type Bytes = Uint8Array<ArrayBuffer>;
const blobSize = typeof Blob === 'function' ? Object.getOwnPropertyDescriptor(Blob.prototype, 'size')?.get : undefined;
const bufferLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')?.get;

/** A Blob is known by its internal slot, not by its prototype: that also holds for one of another realm. */
function isBlob(value: unknown): value is Blob {
  if (blobSize === undefined || typeof value !== 'object' || value === null) return false;
  try {
    blobSize.call(value);
    return true;
  } catch {
    return false;
  }
}

function isArrayBuffer(value: unknown): value is ArrayBuffer {
  if (typeof value !== 'object' || value === null) return false;
  try {
    bufferLength?.call(value);
    return true;
  } catch {
    return false;
  }
}

/** By what it can do: pages that are not isolated have shared memory (WebAssembly makes it), but not its class. */
function isSharedMemory(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || isArrayBuffer(value)) return false;
  try {
    return new DataView(value as SharedArrayBuffer).byteOffset === 0;
  } catch {
    return false;
  }
}

function refuseResizable(buffer: ArrayBuffer): void {
  if ((buffer as ArrayBuffer & { readonly resizable?: boolean }).resizable === true)
    throw new TypeError('a resizable ArrayBuffer can not be sent');
}

/** DOMString: `Symbol`s throw TypeError. */
export function toDomString(value: unknown): string {
  return `${value}`;
}

/** What `send` takes, as bytes of its own, text or a Blob. @throws TypeError for a Symbol, and for shared or resizable memory */
export function toSendItem(value: unknown): string | Bytes | Blob {
  if (typeof value === 'string') return value;
  // What is sent most comes first: a getter that does not find its slot throws, and that costs more than sealing.
  if (ArrayBuffer.isView(value)) {
    const { buffer } = value;
    if (!isArrayBuffer(buffer)) throw new TypeError('a view of shared memory can not be sent');
    refuseResizable(buffer);
    // A detached buffer has no bytes, and its DataView would throw.
    return buffer.byteLength === 0
      ? new Uint8Array(0)
      : new Uint8Array(buffer.slice(value.byteOffset, value.byteOffset + value.byteLength));
  }
  if (isArrayBuffer(value)) {
    refuseResizable(value);
    return value.byteLength === 0 ? new Uint8Array(0) : new Uint8Array(value.slice(0));
  }
  if (isBlob(value)) return value;
  if (isSharedMemory(value)) throw new TypeError('shared memory can not be sent');
  return toDomString(value);
}

/** `[Clamp] unsigned short`: to the nearest, ties to even, within 0–65535; NaN is 0. @throws TypeError for a BigInt or Symbol */
export function toClampedUnsignedShort(value: unknown): number {
  // Unary plus is ToNumber: `Number()` would take a BigInt.
  const number = +(value as number);
  if (Number.isNaN(number)) return 0;
  const clamped = Math.min(Math.max(number, 0), 65_535);
  const floor = Math.floor(clamped);
  const fraction = clamped - floor;
  return fraction > 0.5 || (fraction === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** `(DOMString or sequence<DOMString>)`: an object that is iterable is the sequence, all else one string. @throws TypeError */
export function toStringOrSequence(value: unknown): string[] {
  if (typeof value !== 'object' && typeof value !== 'function') return [toDomString(value)];
  const iterator: unknown = value === null ? null : (value as Partial<Iterable<unknown>>)[Symbol.iterator];
  if (iterator === null || iterator === undefined) return [toDomString(value)];
  const list: string[] = [];
  for (const item of value as Iterable<unknown>) list.push(toDomString(item));
  return list;
}

/** `[EnforceRange] unsigned short`. @throws TypeError for what is no number from 0 to 65,535 */
export function toEnforcedUnsignedShort(value: unknown): number {
  const number = Math.trunc(+(value as number));
  if (!(number >= 0 && number <= 65_535)) throw new TypeError('a number is not from 0 to 65,535');
  return number;
}

/** A dictionary: an object, or nothing. @throws TypeError */
export function toDictionary<T extends object>(value: T | null | undefined): Partial<T> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' && typeof value !== 'function') throw new TypeError('options are an object');
  return value;
}

/** `sequence<USVString>`. @throws TypeError for what is no object, or not iterable */
export function toSequence(value: unknown): string[] {
  if (typeof value === 'string') throw new TypeError('a list of strings, not a string');
  const list: string[] = [];
  for (const item of value as Iterable<unknown>) list.push(toDomString(item));
  return list;
}
