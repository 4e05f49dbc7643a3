/** Where a suite finds its relay, and how it has it killed and started again. */
export interface SuiteConfig {
  /** The relay's WebSocket URL. */
  readonly relay: string;
  /** Answers `POST /restart` once the relay is up again. */
  readonly control: string;
}

/** What became of one behaviour. */
export interface CaseResult {
  readonly name: string;
  readonly ms: number;
  /** `null` if it is as it should be. */
  readonly error: string | null;
}

/** One behaviour that users count on. */
export interface Case {
  readonly name: string;
  readonly run: (config: SuiteConfig) => Promise<void>;
}

const CASE_TIMEOUT_MS = 30_000;

/** Runs the cases one after another; none throws. */
export async function runCases(config: SuiteConfig, cases: readonly Case[]): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const { name, run } of cases) {
    const from = performance.now();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done within ${CASE_TIMEOUT_MS} ms`)), CASE_TIMEOUT_MS);
    });
    const error = await Promise.race([run(config), late]).then(
      () => null,
      (reason: unknown) => (reason instanceof Error ? `${reason.message}\n${reason.stack ?? ''}` : String(reason)),
    );
    clearTimeout(timer);
    results.push({ name, ms: Math.round(performance.now() - from), error });
  }
  return results;
}

/** @throws Error naming both values unless they are the same as JSON */
export function same(what: string, actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a?.slice(0, 300)} instead of ${b?.slice(0, 300)}`);
}

/** The next event of this type; rejects if the target closes or fails first. */
export function next<E extends Event>(target: EventTarget, type: string): Promise<E> {
  return new Promise((resolve, reject) => {
    target.addEventListener(type, (event) => resolve(event as E), { once: true });
    if (type !== 'close' && type !== 'error') {
      target.addEventListener('error', (event) => {
        const { code, message } = event as Event & { code?: string; message?: string };
        reject(new Error(`while waiting for ${type}: ${code}: ${message}`));
      });
    }
  });
}
