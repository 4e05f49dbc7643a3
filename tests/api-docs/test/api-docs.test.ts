import { fileURLToPath } from 'node:url';
import { Application, Logger, LogLevel, type TypeDocOptions } from 'typedoc';
import { expect, test } from 'vitest';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

class Complaints extends Logger {
  readonly lines: string[] = [];
  override log(message: string, level: LogLevel): void {
    if (level >= LogLevel.Warn) this.lines.push(message);
  }
}

/** The warnings and errors of typedoc, with the settings of `typedoc.json` and these. */
async function complaints(settings: TypeDocOptions = {}): Promise<readonly string[]> {
  const app = await Application.bootstrap({ options: FOLDER, tsconfig: `${FOLDER}tsconfig.json`, ...settings });
  const logger = new Complaints();
  app.logger = logger;
  const project = await app.convert();
  if (project === undefined) return [...logger.lines, 'nothing was converted'];
  app.validate(project);
  return logger.lines;
}

test('every exported member of the packages is documented', async () => {
  expect(await complaints()).toEqual([]);
});

test('typedoc finds a member without documentation', async () => {
  const entryPoints = [`${FOLDER}test/undocumented.ts`];
  const tsconfig = `${FOLDER}test/tsconfig.json`;
  const found = await complaints({ entryPoints, tsconfig, packagesRequiringDocumentation: ['@sws/api-docs'] });
  expect(found.map((line) => line.split(' ')[0]).sort()).toEqual(['Settings.second', 'undocumented']);
});
