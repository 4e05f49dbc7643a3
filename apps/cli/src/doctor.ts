import { stat } from 'node:fs/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Identity } from '@sws/crypto';
import { defaultProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { findAgent } from './agent/reach-agent.js';
import { EXIT } from './exit-code.js';
import { type IdentityFlags, identityPath, readIdentity } from './identity.js';
import { proxyFor } from './proxy.js';
import { type Reporter, shown } from './report.js';
import { DirectStation } from './station/direct-station.js';
import { agentAccess } from './station/open-station.js';
import type { StationState } from './station/station.js';

export interface DoctorFlags extends IdentityFlags {
  readonly relay: string;
}

/** How long a relay may take to register a new key, or to answer a request. */
const REACH_MS = 10_000;
/**
 * Clocks that differ by more than this are reported, because certificates and a relay's terms depend on the time of
 * day.
 */
const MAX_CLOCK_SECONDS = 60;

/** A checked item, whether it is right (`null` if that does not matter), and a text about it. */
interface Finding {
  readonly what: string;
  readonly ok: boolean | null;
  readonly detail: string;
}

/** Checks and reports everything that a connection needs. Resolves with 0 if all is right. */
export async function doctor(flags: DoctorFlags, version: string, tell: Reporter, json: boolean): Promise<number> {
  let allWell = true;
  const checks: readonly [string, () => Promise<Omit<Finding, 'what'>>][] = [
    ['version', async () => ({ ok: null, detail: await versionOf(version) })],
    ['identity', () => identityOf(flags)],
    ['agent', () => agentOf(flags)],
    ['proxy', async () => proxyOf(flags.relay)],
    ['relay', () => relayOf(flags.relay)],
    ['clock', () => clockOf(flags.relay)],
  ];
  for (const [what, check] of checks) {
    const { ok, detail } = await check().catch((error: unknown) => {
      return { ok: false, detail: error instanceof Error ? error.message : String(error) };
    });
    if (ok === false) allWell = false;
    const mark = ok === null ? '  ' : ok ? 'ok' : '!!';
    if (json) tell({ event: 'checked', what, ok, detail }, '');
    else console.log(shown(`${mark} ${what.padEnd(9)} ${detail}`));
  }
  return allWell ? EXIT.delivered : EXIT.failed;
}

async function versionOf(version: string): Promise<string> {
  const { name } = await defaultProvider();
  return `sws ${version}, Node ${process.versions.node}, ${process.platform} ${process.arch}, crypto ${name}`;
}

async function identityOf(flags: IdentityFlags): Promise<Omit<Finding, 'what'>> {
  const { publicKey } = await readIdentity(flags);
  if (flags.ephemeral === true) return { ok: true, detail: 'for this run only' };
  const path = identityPath(flags);
  const { mode } = await stat(path);
  const isOpen = process.platform !== 'win32' && (mode & 0o077) !== 0;
  return isOpen
    ? { ok: false, detail: `${path} can be read by others: run chmod 600 on it` }
    : { ok: true, detail: `${publicKey} in ${path}` };
}

async function agentOf(flags: IdentityFlags): Promise<Omit<Finding, 'what'>> {
  if (flags.ephemeral === true) return { ok: null, detail: 'not needed' };
  const local = await findAgent(await agentAccess(flags));
  local?.destroy();
  if (local !== null) return { ok: true, detail: 'running' };
  const lock = await stat(`${identityPath(flags)}.lock`).catch(() => null);
  return lock === null
    ? { ok: true, detail: 'not running; the next command starts it' }
    : { ok: false, detail: 'another program uses this identity, or was killed less than 10 s ago' };
}

function proxyOf(relay: string): Omit<Finding, 'what'> {
  const proxy = proxyFor(relay);
  if (proxy === '') return { ok: null, detail: 'none for this relay' };
  const { host } = new URL(proxy);
  return { ok: null, detail: `${host}, from the environment` };
}

/** Registers a new key at the relay. */
async function relayOf(relay: string): Promise<Omit<Finding, 'what'>> {
  const provider = await defaultProvider();
  const began = performance.now();
  const station = new DirectStation(relay, Identity.generate(randomBytes, provider), provider);
  try {
    const last = await new Promise<StationState | null>((resolve) => {
      const late = setTimeout(() => resolve(null), REACH_MS);
      station.follow((state) => {
        if (state.state === 'connecting') return;
        clearTimeout(late);
        resolve(state);
      });
    });
    if (last?.state === 'registered')
      return { ok: true, detail: `${station.url} registers in ${Math.round(performance.now() - began)} ms` };
    return { ok: false, detail: `${station.url}: ${last?.failure?.detail ?? `no answer in ${REACH_MS / 1_000} s`}` };
  } finally {
    await station.close();
  }
}

/** Compares this machine's time of day with what the relay's HTTP server says. */
async function clockOf(relay: string): Promise<Omit<Finding, 'what'>> {
  const url = new URL(relay.replace(/^ws/, 'http'));
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const said = await new Promise<string | undefined>((resolve) => {
    const asked = request(url, { method: 'HEAD', timeout: REACH_MS }, (response) => {
      resolve(response.headers.date);
      response.destroy();
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.on('close', () => resolve(undefined));
    asked.end();
  });
  if (said === undefined) return { ok: null, detail: 'the relay sent no time' };
  const seconds = Math.round((Date.now() - Date.parse(said)) / 1_000);
  const detail =
    seconds === 0 ? 'same as the relay’s' : `${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} the relay’s`;
  return { ok: Math.abs(seconds) <= MAX_CLOCK_SECONDS, detail };
}
