// Measures the memory of `sws-relay` while all its clients send, and after they have been silent for as long:
// `pnpm bench busy [--quick] [clients [seconds]]`.

import { RelayProcess, temporaryFolder } from '@sws/testing/relay-process';
import { readUsage } from '@sws/testing/usage';
import { PairLoad } from '../pair-load.js';

const quick = process.argv.includes('--quick');
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const [clients = quick ? 500 : 4_000, seconds = quick ? 5 : 60] = asked.map(Number);
const SIZES = [1_024, 16_384];
const IN_FLIGHT = 2;
const MESSAGES_AT_A_TIME = 20_000;
const MB = 1_000_000;
const UNREACHED = '1000000';
const LIMITS = ['messages-per-second', 'messages-per-second-per-address', 'max-connections-per-address'].flatMap(
  (name) => [`--${name}`, UNREACHED],
);
const BYTE_LIMITS = ['bytes-per-second', 'bytes-per-second-per-address'].flatMap((name) => [
  `--${name}`,
  `${UNREACHED}000`,
]);

const folder = temporaryFolder();
console.log(`MB of resident memory with ${clients} clients`);
console.log(
  '| bytes per message | connected | peak | after sending | after as long a silence | messages | µs of relay CPU per message |',
);
console.log('| ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
try {
  for (const bytes of SIZES) {
    const flags = ['--port', '0', '--no-chat', '--identity', folder.path('identity')];
    const relay = await RelayProcess.start([...flags, ...LIMITS, ...BYTE_LIMITS]);
    const pid = relay.child.pid ?? -1;
    const rss = (): string => ((readUsage(pid)?.rssBytes ?? Number.NaN) / MB).toFixed(0);
    const urls = [`ws://127.0.0.1:${relay.port}/`];
    const pairs = clients / 2;
    const load = await PairLoad.start({ urls, speaks: 'sws', pairs, active: pairs, inFlight: IN_FLIGHT, bytes }, [
      { pid },
    ]);
    try {
      const connected = rss();
      let messages = 0;
      let cpuUs = 0;
      for (const end = Date.now() + seconds * 1_000; Date.now() < end; messages += MESSAGES_AT_A_TIME)
        cpuUs += (await load.run(MESSAGES_AT_A_TIME)) * MESSAGES_AT_A_TIME;
      const after = rss();
      await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
      const most = ((readUsage(pid)?.peakRssBytes ?? Number.NaN) / MB).toFixed(0);
      const each = (cpuUs / messages).toFixed(1);
      console.log(`| ${bytes} | ${connected} | ${most} | ${after} | ${rss()} | ${messages} | ${each} |`);
    } finally {
      await load.stop();
      await relay.stop();
    }
  }
} finally {
  folder.remove();
}
