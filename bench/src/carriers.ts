import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child } from '@sws/testing/child';
import type { NetworkLink } from './network-link.js';

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

/** Starts a carrier on `ws` in the namespace behind a link. */
export async function startCarrierBehind(link: NetworkLink, script: string): Promise<Child> {
  const url = new URL(`../dist/children/${script}.js`, import.meta.url);
  const [command = '', ...inside] = link.inside;
  const args = [...inside, process.execPath, fileURLToPath(url), 'ws'];
  return Child.start({ name: `${script} far away`, command, args, env: { SWS_BENCH_HOST: link.host } });
}

export const portOf = (carrier: Child): number => Number(carrier.readyReport.port);
