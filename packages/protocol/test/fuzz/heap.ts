import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What lives on the heap, garbage aside. */
export function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** What a million inputs may leave behind: caches that are full, compiled code; not a record of the inputs. */
export const HEAP_SLACK_BYTES = 12 * 1_048_576;
