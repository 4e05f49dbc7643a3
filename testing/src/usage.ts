import { readdirSync, readFileSync } from 'node:fs';

/** The resources that a process has used. */
export interface Usage {
  /** User and system time, in milliseconds. */
  readonly cpuMs: number;
  /** Resident memory now. */
  readonly rssBytes: number;
  /** The most resident memory so far. */
  readonly peakRssBytes: number;
}

/** The unit of times in `/proc/<pid>/stat` (USER_HZ), the same on every Linux that Node runs on. */
const TICK_MS = 10;

/** Reads `/proc` (proc(5)). Returns `null` if there is none, or no such process. */
export function readUsage(pid: number): Usage | null {
  try {
    // The second field, the program's name, may contain spaces and brackets. Count the fields after its end.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return {
      cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
      rssBytes: kilobytes('VmRSS') * 1024,
      peakRssBytes: kilobytes('VmHWM') * 1024,
    };
  } catch {
    return null;
  }
}

/**
 * Returns the CPU time of a process's present threads, in microseconds. It has the scheduler's resolution of
 * nanoseconds, for differences over a second or less, where `Usage.cpuMs` is too coarse. @throws Error if there is no
 * `/proc`, or no such process
 */
export function readThreadsCpuUs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = (thread: string): number =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ', 1)[0]);
  return threads.reduce((sum, thread) => sum + nanoseconds(thread), 0) / 1_000;
}

/** Returns the ids of a process's running children (Linux; elsewhere none). */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
