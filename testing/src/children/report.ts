/** One JSON line on stdout: how children talk to `Child`. */
export function report(event: string, fields: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}
