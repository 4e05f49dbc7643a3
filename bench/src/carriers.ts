import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child } from '@sws/testing/child';

/** `pnpm test:runtimes bun` downloads it; it is not a dependency. */
const BUN = fileURLToPath(new URL('../../.cache/runtimes/bun/node_modules/.bin/bun', import.meta.url));
export const hasBun = existsSync(BUN);

/** A script of `children/` that carries messages: forwarders and routers. It reports its `port` when it is ready. */
export async function startCarrier(script: string, kind: string, ...args: readonly string[]): Promise<Child> {
  const url = new URL(`../dist/children/${script}.js`, import.meta.url);
  const name = `${script} ${kind}`;
  return kind === 'bun'
    ? Child.start({ name, command: BUN, args: [fileURLToPath(url), kind, ...args] })
    : Child.start({ name, command: url, args: [kind, ...args] });
}

export const portOf = (carrier: Child): number => Number(carrier.readyReport.port);
