import { readFileSync } from 'node:fs';
import { parse as parseToml } from 'smol-toml';
import { environmentNameOf, kebabOf, SCHEMA, type SettingName, type Settings } from './schema.js';
import { type Setting, SettingError } from './setting.js';

/** The values of the command line: texts after flags, and switches. */
export type Flags = Readonly<Record<string, string | readonly string[] | boolean | undefined>>;

/** The source of a value, for people. */
type Origin = string;
interface Found {
  readonly texts: readonly string[];
  readonly origin: Origin;
}

const NAMES = Object.keys(SCHEMA) as SettingName[];
/** Variables of the client's command line, `sws`, which may be set where a relay runs. */
const OF_CLIENTS = ['SWS_RELAY', 'SWS_PASSPHRASE'];

/**
 * Loads the settings, in this order of precedence, from the command line, the environment (`SWS_…`), the file of
 * `--config` (TOML), and the defaults. It calls `warn` for unknown `SWS_` variables.
 * @throws SettingError that names the setting, the source of its value and what is expected instead
 */
export function loadSettings(
  flags: Flags,
  environment: Readonly<Record<string, string | undefined>>,
  warn: (message: string) => void,
): Settings {
  const configPath = flags.config ?? environment.SWS_CONFIG;
  const file = typeof configPath === 'string' ? readConfig(configPath) : new Map<SettingName, Found>();
  const known = new Set([...NAMES.map(environmentNameOf), 'SWS_CONFIG', ...OF_CLIENTS]);
  for (const name of Object.keys(environment))
    if (name.startsWith('SWS_') && !known.has(name)) warn(`${name} in the environment is not a setting`);

  const values: Record<string, unknown> = {};
  for (const name of NAMES) {
    const setting: Setting<unknown> = SCHEMA[name];
    const found = fromFlags(name, flags) ?? fromEnvironment(name, setting, environment) ?? file.get(name);
    values[name] = found === undefined ? setting.fallback : readValue(name, setting, found);
  }
  const settings = values as unknown as Settings;
  checkTogether(settings);
  return settings;
}

function readValue(name: SettingName, setting: Setting<unknown>, { texts, origin }: Found): unknown {
  const parsed = texts.map((text) => {
    try {
      return setting.parse(text);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      const given = setting.secret ? 'a hidden value' : `'${text}'`;
      throw new SettingError(`${kebabOf(name)} must be ${error.message}, got ${given} (from ${origin})`);
    }
  });
  if (setting.kind === 'list') return parsed.length === 0 ? null : parsed;
  return parsed[0];
}

function fromFlags(name: SettingName, flags: Flags): Found | undefined {
  const given = flags[name];
  if (given === undefined) return undefined;
  const texts = typeof given === 'object' ? given.flatMap(parts) : [String(given)];
  return { texts, origin: `--${given === false ? 'no-' : ''}${kebabOf(name)}` };
}

function fromEnvironment(
  name: SettingName,
  { kind }: Setting<unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): Found | undefined {
  const origin = environmentNameOf(name);
  const given = environment[origin];
  // `SWS_PORT=` in a unit or compose file means that it is not set.
  if (given === undefined || given === '') return undefined;
  return { texts: kind === 'list' ? parts(given) : [given], origin };
}

function parts(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '');
}

function readConfig(path: string): Map<SettingName, Found> {
  let content: Readonly<Record<string, unknown>>;
  try {
    content = parseToml(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new SettingError(`config: cannot use ${path}: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
  const found = new Map<SettingName, Found>();
  for (const [key, value] of Object.entries(content)) {
    const name = NAMES.find((known) => kebabOf(known) === key);
    if (name === undefined) throw new SettingError(`${key} is not a setting (from ${path})`);
    found.set(name, { texts: textsOf(key, value, SCHEMA[name].kind === 'list', path), origin: path });
  }
  return found;
}

function textsOf(key: string, value: unknown, isList: boolean, path: string): string[] {
  const scalars = Array.isArray(value) ? value : [value];
  const plain = scalars.every((item) => ['string', 'number', 'boolean'].includes(typeof item));
  if (!plain || (Array.isArray(value) && !isList))
    throw new SettingError(`${key} must be ${isList ? 'a list of strings' : 'one value'} (from ${path})`);
  return scalars.map(String);
}

/** Checks that concern several settings together. */
function checkTogether(settings: Settings): void {
  const together: readonly (readonly [SettingName, SettingName])[] = [
    ['cert', 'key'],
    ['natsCert', 'natsKey'],
  ];
  for (const [one, other] of together) {
    if ((settings[one] === null) !== (settings[other] === null))
      throw new SettingError(`${kebabOf(one)} and ${kebabOf(other)} must be set together`);
  }
  if (settings.natsPassword !== null && settings.natsUser === null)
    throw new SettingError('nats-password needs nats-user');
  const natsOnly = ['natsUser', 'natsToken', 'natsCredentials', 'natsCa', 'natsCert', 'nodeId'] as const;
  const without = natsOnly.find((name) => settings[name] !== null);
  if (settings.nats === null && without !== undefined) throw new SettingError(`${kebabOf(without)} needs nats`);
  if (settings.authorizeUrl === null && settings.authorizeSecret !== null)
    throw new SettingError('authorize-secret needs authorize-url');
  if (settings.bytesPerSecond < settings.maxMessage)
    throw new SettingError('bytes-per-second must be at least max-message');
}
