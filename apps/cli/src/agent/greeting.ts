import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { FRAME_LIMITS, type LocalSocket } from './local-socket.js';

/** The version of the frames between a command and its agent. */
const VERSION = 1;
const NONCE_BYTES = 32;

/**
 * Returns the common secret of both ends of a local socket, which can both read the identity. It does not keep `seed`.
 */
export function localKey(seed: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', seed, new Uint8Array(0), 'sws agent v1', 32));
}

function proof(key: Buffer, role: 'agent' | 'command', theirs: string, ours: string): Buffer {
  return createHmac('sha256', key).update(`${role} ${theirs} ${ours}`).digest();
}

function isProof(value: unknown, expected: Buffer): boolean {
  const given = Buffer.from(typeof value === 'string' ? value : '', 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/**
 * Both ends prove that they can read the identity. A process that created a pipe of the agent's name before the agent
 * learns nothing. Where sockets have permissions, those keep other users away too. Resolves with whether the other end
 * has proved it.
 */
export async function greetCommand(local: LocalSocket, key: Buffer): Promise<boolean> {
  const ours = randomBytes(NONCE_BYTES).toString('hex');
  local.writeJson({ version: VERSION, nonce: ours });
  const answer = await local.nextJson();
  const theirs = answer?.nonce;
  if (typeof theirs !== 'string' || !isProof(answer?.proof, proof(key, 'command', ours, theirs))) return false;
  local.limits = FRAME_LIMITS;
  local.writeJson({ proof: proof(key, 'agent', theirs, ours).toString('hex') });
  return true;
}

/** Does the command's side of the greeting. Resolves with whether the other end has proved that it is the agent. */
export async function greetAgent(local: LocalSocket, key: Buffer): Promise<boolean> {
  const hello = await local.nextJson();
  const theirs = hello?.nonce;
  if (hello?.version !== VERSION || typeof theirs !== 'string') return false;
  const ours = randomBytes(NONCE_BYTES).toString('hex');
  local.writeJson({ nonce: ours, proof: proof(key, 'command', theirs, ours).toString('hex') });
  const answer = await local.nextJson();
  local.limits = FRAME_LIMITS;
  return isProof(answer?.proof, proof(key, 'agent', ours, theirs));
}
