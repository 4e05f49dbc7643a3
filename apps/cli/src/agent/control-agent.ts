import { setTimeout as delay } from 'node:timers/promises';
import { type JsonFlags, print } from '../command-line.js';
import { EXIT } from '../exit-code.js';
import type { IdentityFlags } from '../identity.js';
import { shown } from '../report.js';
import { agentAccess } from '../station/open-station.js';
import { type AgentAccess, findAgent, isRunning } from './reach-agent.js';
import type { AgentStatus } from './requests.js';

const POLL_MS = 25;

/** Shows the agent of an identity; resolves with the exit code. */
export async function showAgent(flags: IdentityFlags & JsonFlags): Promise<number> {
  const status = await statusOf(await agentAccess(flags));
  if (status === null) {
    console.log(flags.json === true ? JSON.stringify({ running: false }) : 'no agent is running');
    return EXIT.delivered;
  }
  const { pid, upSeconds, address, provider, relays, channels } = status;
  const lines = [
    `process ${pid}, up ${upSeconds} s, crypto ${provider}`,
    `address ${address}`,
    ...relays.map(({ url, state, commands }) => `relay ${url}: ${state}, commands ${commands}`),
    `open channels ${channels}`,
  ];
  console.log(flags.json === true ? JSON.stringify({ running: true, ...status }) : shown(lines.join('\n')));
  return EXIT.delivered;
}

/** Stops the agent of an identity. Resolves with the exit code when it has released the identity. */
export async function stopAgent(flags: IdentityFlags & JsonFlags): Promise<number> {
  const access = await agentAccess(flags);
  const status = await statusOf(access);
  if (status !== null) {
    (await findAgent(access))?.writeJson({ type: 'stop' });
    while (isRunning(status.pid)) await delay(POLL_MS);
  }
  return print(flags, 'agent', status === null ? 'no agent is running' : 'stopped');
}

async function statusOf(access: AgentAccess): Promise<Omit<AgentStatus, 'type'> | null> {
  const local = await findAgent(access);
  local?.writeJson({ type: 'status' });
  const answer = await local?.nextJson();
  if (answer?.type !== 'status') return null;
  const { type: _, ...status } = answer as unknown as AgentStatus;
  return status;
}
