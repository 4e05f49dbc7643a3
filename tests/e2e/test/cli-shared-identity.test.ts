import { spawnSync } from 'node:child_process';
import { runSharedIdentity } from '@sws/bench';
import { hasSsh } from '@sws/testing/ssh-server';
import { expect, test } from 'vitest';

const has = hasSsh && ['git', 'redis-server'].every((name) => spawnSync(name, ['--version']).status === 0);

// The long form, a relay that is killed every 20 s, is `pnpm soak shared-identity`.
test.skipIf(!has)(
  'ssh, git push, redis and a file transfer share an identity, and survive two kills of the relay (skipped where there is no sshd, git or redis-server)',
  { timeout: 150_000 },
  async () => {
    const figures = await runSharedIdentity({ kills: 2, everyMs: 2_000, downMs: 300, fileBytes: 20_000_000 });
    expect(figures.complaints).toEqual([]);
    for (const count of Object.values(figures.done)) expect(count).toBeGreaterThan(1);
  },
);
