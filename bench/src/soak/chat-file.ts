// A large file between two chat pages in Chromium: `pnpm soak chat-file 1000` sends that many MB, restarts the relay and
// closes the receiver's tab on the way, and watches the memory of both pages.
import { runTests } from '../run-tests.js';

const [megabytes = '1000'] = process.argv.slice(2);
process.exit(runTests('tests/e2e', 'test/chat-files.test.ts', 'a large file', { SWS_FILE_MB: megabytes }));
