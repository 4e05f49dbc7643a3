import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '@sws/testing/child';
import { RelayChild } from './relay-child.js';

/** The kinds of flood, and the counters of `/metrics` that must grow with each, by reason. */
export const FLOODS = {
  unregistered: ['too-many-pending-from-address'],
  'slow handshakes': ['slow-handshake', 'too-many-pending-from-address'],
  'huge frames': ['message-too-large'],
  'garbage frames': ['bad-frame'],
  registrations: [],
  'offline receivers': ['offline'],
  'a receiver that never reads': ['congested'],
  'a sender without end': [],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type FloodKind = keyof typeof FLOODS;

/** The latency of two well-behaved clients. */
export interface Latency {
  readonly sent: number;
  readonly received: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Connections lost. */
  readonly closed: number;
}

export interface FloodResult {
  readonly kind: FloodKind;
  readonly before: Latency;
  readonly during: Latency;
  readonly rssBeforeBytes: number;
  /** The peak during the flood. */
  readonly rssMostBytes: number;
  /** The relay's CPU time during the flood, as a share of one processor. */
  readonly cpuShare: number;
  /** The memory some time after the flood. */
  readonly rssAfterBytes: number;
  /** The growth of counters in `/metrics`: refusals and undeliverables by reason, registrations, pauses. */
  readonly counted: Readonly<Record<string, number>>;
}

const SAMPLE_MS = 50;
const COUNTED =
  /^sws_(refus\w*_total|undeliverable\w*_total|registrations_total|pauses_total|connections_total)(?:\{([^}]*)\})? (\d+)/gm;

/** Floods a new relay for `seconds`, with two well-behaved clients beside the flood. */
export async function flood(kind: FloodKind, seconds: number): Promise<FloodResult> {
  // The default options, except that a slow handshake times out within the run.
  const relay = await RelayChild.start({ options: { handshakeTimeoutMs: (seconds * 1_000) / 2 } });
  const url = relay.url();
  const script = (name: string): URL => new URL(`../dist/children/${name}.js`, import.meta.url);
  const quiet = await Child.start({ name: 'quiet pair', command: script('quiet-pair'), args: [url] });
  for (const { pid } of [relay.child, quiet]) prefer(pid);
  const latency = async (ms: number): Promise<Latency> => {
    quiet.write('anew');
    await sleep(ms);
    const seen = quiet.reports.length;
    quiet.write('report');
    const found = await quiet.report((one) => one.event === 'latency' && quiet.reports.indexOf(one) > seen - 1, 60_000);
    return found as unknown as Latency;
  };
  const rss = (): number => relay.child.usage()?.rssBytes ?? 0;
  try {
    await latency(500);
    const before = await latency(seconds * 1_000);
    const [rssBeforeBytes, countedBefore] = [rss(), await counted(url)];
    const flooder = await Child.start({ name: kind, command: script('flooder'), args: [kind, url] });
    let rssMostBytes = 0;
    const sampling = setInterval(() => {
      rssMostBytes = Math.max(rssMostBytes, rss());
    }, SAMPLE_MS);
    const cpuBeforeMs = relay.child.usage()?.cpuMs ?? 0;
    const during = await latency(seconds * 1_000);
    const cpuShare = ((relay.child.usage()?.cpuMs ?? 0) - cpuBeforeMs) / (seconds * 1_000);
    clearInterval(sampling);
    await flooder.stop('SIGKILL');
    await sleep((seconds * 1_000) / 4);
    // Not during the flood, which may hold every connection that the relay grants one address.
    const after = await counted(url);
    const grown = Object.entries(after).map(([name, value]) => [name, value - (countedBefore[name] ?? 0)] as const);
    return {
      kind,
      before,
      during,
      rssBeforeBytes,
      rssMostBytes,
      cpuShare,
      rssAfterBytes: rss(),
      counted: Object.fromEntries(grown.filter(([, value]) => value > 0)),
    };
  } finally {
    await quiet.stop('SIGKILL');
    await relay.stop();
  }
}

/** Raises a process's priority, if that is allowed, so that other work on the machine disturbs the measurement less. */
function prefer(pid: number): void {
  try {
    setPriority(pid, -10);
  } catch {
    // Only an administrator may do this.
  }
}

/** The counters of a relay's `/metrics`, by reason, or else by name. Counters of the same reason are summed. */
async function counted(url: string): Promise<Record<string, number>> {
  // The relay may already have closed a connection that was kept alive.
  const request = { headers: { connection: 'close' } };
  const text = await (await fetch(`${url.replace('ws', 'http')}metrics`, request)).text();
  const found: Record<string, number> = {};
  for (const [, name = '', labels, value] of text.matchAll(COUNTED)) {
    const reason = /"([^"]*)"/.exec(labels ?? '')?.[1] ?? name;
    found[reason] = (found[reason] ?? 0) + Number(value);
  }
  return found;
}
