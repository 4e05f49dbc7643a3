import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRelay } from '@sws/relay';
import { Running, STEP_MS } from '@sws/testing/example-process';
import { expect, test } from 'vitest';

test(
  'two terminals edit one list, even while the relay is down, and converge',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sws-document-'));
    const example = new URL('../', import.meta.url);
    let relay = await startRelay({ port: 0, chat: false });
    const first = new Running(example, [], folder, { SWS_RELAY: `ws://127.0.0.1:${relay.port}` });
    const url = await first.prints(/start (\S+)/);
    const second = new Running(example, [url], folder, {});
    try {
      await second.prints(/connected\n/);
      first.type('milk');
      await second.prints(/1\. milk\n/);
      second.type('bread');
      await first.prints(/1\. milk\n2\. bread\n/);

      await relay.close();
      first.type('salt');
      second.type('pepper');
      await first.prints(/2\. bread\n3\. salt\n/);
      await second.prints(/2\. bread\n3\. pepper\n/);
      relay = await startRelay({ port: relay.port, chat: false });
      const BOTH = /(1\. milk\n2\. bread\n3\. (?:salt\n4\. pepper|pepper\n4\. salt)\n)/;
      expect(await first.prints(BOTH)).toBe(await second.prints(BOTH));
      first.type('-1');
      await second.prints(/1\. bread\n/);
    } finally {
      await first.stop();
      await second.stop();
      await relay.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  4 * STEP_MS,
);
