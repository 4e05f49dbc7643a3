import { spawnSync } from 'node:child_process';
import { Child } from '@sws/testing/child';

/** Packets that may wait in a queue of the link: more than are under way at any bandwidth and delay of the benchmarks. */
const QUEUE_PACKETS = 200_000;
const [NEAR, FAR] = ['sws-near', 'sws-far'];
const [NEAR_HOST, FAR_HOST] = ['10.213.0.1', '10.213.0.2'];

/** Runs a program. @throws Error with what it printed, if it fails */
function run(program: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

const netem = (device: string): string[] => ['tc', 'qdisc', 'add', 'dev', device, 'root', 'netem'];

/** Whether this process may make network namespaces, and the kernel has `tc netem`. */
export function hasNetem(): boolean {
  return spawnSync('unshare', ['--net', ...netem('lo'), 'delay', '1ms']).status === 0;
}

/** A network namespace of its own behind a link with a delay and a bandwidth (veth and `tc netem`, iproute2). */
export class NetworkLink {
  /** Where a server in the namespace can listen: its address, as seen from this process's, and a free port. */
  readonly host = `${FAR_HOST}:8080`;
  /** The words before a command that runs it in the namespace. */
  readonly inside: readonly string[];
  readonly #holder: Child;

  private constructor(holder: Child) {
    this.#holder = holder;
    this.inside = ['nsenter', `--net=/proc/${holder.pid}/ns/net`];
  }

  /**
   * Makes the link. Call it in a process that has a network namespace of its own (`unshare --net`). `delayMs` is that
   * of one way, and `bytesPerSecond` that of each direction. @throws Error if iproute2 is missing or refuses
   */
  static async create(delayMs: number, bytesPerSecond: number): Promise<NetworkLink> {
    const holder = await Child.start({
      name: 'network namespace',
      command: 'unshare',
      args: ['--net', 'sh', '-c', 'echo ready; exec sleep infinity'],
    });
    const link = new NetworkLink(holder);
    const rate = Number.isFinite(bytesPerSecond) ? ['rate', `${bytesPerSecond * 8}bit`] : [];
    const limits = ['delay', `${delayMs}ms`, 'limit', String(QUEUE_PACKETS), ...rate];
    try {
      run('ip', 'link', 'add', NEAR, 'type', 'veth', 'peer', 'name', FAR, 'netns', String(holder.pid));
      for (const [device, host, inside] of [
        [NEAR, NEAR_HOST, []],
        [FAR, FAR_HOST, link.inside],
      ] as const)
        for (const words of [
          ['ip', 'addr', 'add', `${host}/30`, 'dev', device],
          ['ip', 'link', 'set', device, 'up'],
          [...netem(device), ...limits],
        ]) {
          const [program = '', ...args] = [...inside, ...words];
          run(program, ...args);
        }
    } catch (error) {
      await link.remove();
      throw error;
    }
    return link;
  }

  /** Removes the namespace, and the link with it, once nothing else runs in it. */
  async remove(): Promise<void> {
    await this.#holder.stop('SIGKILL');
    spawnSync('ip', ['link', 'del', NEAR]); // the kernel removes it by itself a little later
  }
}
