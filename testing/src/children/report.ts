/** Writes one JSON line to stdout, which `Child` reads. */
export function report(event: string, fields: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}
