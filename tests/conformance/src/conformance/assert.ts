function show(value: unknown): string {
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'symbol') return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** Equal as JSON, or the same value. */
export function equal(actual: unknown, expected: unknown, what = 'value'): void {
  if (Object.is(actual, expected)) return;
  if (typeof actual === 'object' && typeof expected === 'object' && show(actual) === show(expected)) return;
  throw new Error(`${what}: expected ${show(expected)}, got ${show(actual)}`);
}

export function ok(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function thrown(action: () => unknown, what: string): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error(`${what}: nothing was thrown`);
}

/** `action` throws a DOMException of this name. */
export function throwsDom(name: string, action: () => unknown, what = name): void {
  const error = thrown(action, what);
  ok(error instanceof DOMException, `${what}: not a DOMException but ${String(error)}`);
  equal((error as DOMException).name, name, what);
}

export function throwsType(action: () => unknown, what = 'TypeError'): void {
  const error = thrown(action, what);
  ok(error instanceof TypeError, `${what}: not a TypeError but ${String(error)}`);
}
