// Small files between two chat pages in Chromium: `pnpm soak chat-small-files 300` sends that many at once. Each must
// arrive within a tenth of a second. It needs a quiet machine.
import { runTests } from '../run-tests.js';

const [files = '300'] = process.argv.slice(2);
process.exit(runTests('tests/e2e', 'test/chat-speed.test.ts', 'small files', { SWS_FILES: files }));
