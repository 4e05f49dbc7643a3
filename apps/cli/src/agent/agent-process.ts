import { readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { Identity, type KeyStore } from '@sws/crypto';
import { defaultProvider, fileStore } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { Agent } from './agent.js';
import { localKey } from './greeting.js';
import { agentPlace } from './place.js';
import { isRunning } from './reach-agent.js';

/** The file of an agent: its process, and its lock of the identity. */
interface AgentRecord {
  readonly pid: number;
  readonly lock: string;
}

/**
 * Runs the agent of an identity's file until no command needs it. One line on standard output says that it serves
 * (`{}`), or why not (`{ code, detail }`). Resolves with the exit code.
 */
export async function runAgent(path: string): Promise<number> {
  process.stdout.on('error', () => {}); // the command that started it may be gone
  const store = fileStore(path);
  try {
    const provider = await defaultProvider();
    const seed = await lockIdentity(store, path);
    const identity = Identity.fromSeed(seed, provider);
    const place = await agentPlace(identity.publicKey);
    const agent = new Agent(identity, provider, localKey(seed));
    seed.fill(0);
    await agent.listen(place.socket);
    const record: AgentRecord = { pid: process.pid, lock: await lockOf(path) };
    await writeFile(place.record, JSON.stringify(record), { mode: 0o600 });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void agent.stop(false));
    process.stdout.write('{}\n');
    await agent.ended;
    return 0;
  } catch (error) {
    const { code = 'failed', message } = error as Error & { code?: string };
    process.stdout.write(`${JSON.stringify({ code, detail: message })}\n`);
    return 1;
  } finally {
    await store.close();
  }
}

/** Locks the identity for this process and returns its seed. The lock of a killed agent is removed at once. */
async function lockIdentity(store: KeyStore, path: string): Promise<Uint8Array> {
  const take = (): Promise<Uint8Array> => store.loadOrCreate(() => randomBytes(32));
  try {
    return await take();
  } catch (error) {
    const seed = (error as { code?: unknown }).code === 'identity-in-use' ? await store.load() : null;
    if (seed === null) throw error;
    const { record } = await agentPlace(Identity.fromSeed(seed).publicKey);
    const { pid, lock } = JSON.parse(await readFile(record, 'utf8').catch(() => '{}')) as Partial<AgentRecord>;
    if (pid === undefined || isRunning(pid) || lock !== (await lockOf(path))) throw error;
    await rmdir(`${path}.lock`);
    return take();
  }
}

/** Returns an id of the present lock; empty if there is none. `fileStore` locks by creating a folder. */
async function lockOf(path: string): Promise<string> {
  const found = await stat(`${path}.lock`, { bigint: true }).catch(() => null);
  return found === null ? '' : `${found.ino} ${found.birthtimeNs}`;
}
