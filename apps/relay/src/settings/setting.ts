/** How a value is written: after a flag, several after a flag or parted by commas, or as a switch. */
export type SettingKind = 'value' | 'list' | 'switch';

/** One setting, in all the places that it can come from: `--max-message`, `SWS_MAX_MESSAGE`, `max-message` in the file. */
export interface Setting<T> {
  readonly kind: SettingKind;
  /** The heading that `--help` shows it under. */
  readonly group: string;
  readonly help: string;
  /** What stands after the flag in `--help`. */
  readonly placeholder: string;
  readonly fallback: T;
  /** Not from the command line, which every user of the machine can read. */
  readonly secret: boolean;
  /** @throws SettingError that says what is wanted */
  readonly parse: (text: string) => T extends readonly (infer E)[] ? E : NonNullable<T>;
  /** The default as `--help` shows it. */
  readonly shown: string | null;
}

/** What is wrong with one setting's value; whoever knows where the value is from adds that. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

type Common<T> = {
  readonly group: string;
  readonly help: string;
  readonly fallback: T;
  readonly shown?: string;
  readonly secret?: boolean;
};
type Element<T> = T extends readonly (infer E)[] ? E : NonNullable<T>;

function setting<T>(
  kind: SettingKind,
  placeholder: string,
  parse: (text: string) => Element<T>,
  { group, help, fallback, shown, secret = false }: Common<T>,
): Setting<T> {
  const said = shown ?? (fallback === null || kind === 'list' ? null : String(fallback));
  return { kind, group, help, placeholder, fallback, secret, parse, shown: said };
}

/** A number between two bounds, whole unless `fraction`. */
export function number<T extends number | null>(
  common: Common<T> & {
    readonly min: number;
    readonly max: number;
    readonly fraction?: boolean;
    readonly unit?: string;
  },
): Setting<T> {
  const { min, max, fraction = false, unit = 'number' } = common;
  const wanted = `${fraction ? 'a number' : 'a whole number'} from ${min} to ${max}`;
  const parse = (text: string): number => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max) || (!fraction && !Number.isInteger(value))) throw new SettingError(wanted);
    return value;
  };
  return setting(`value`, unit, parse as (text: string) => Element<T>, common);
}

/** Text; `check` gives what is wanted where it is none. */
export function text<T extends string | null>(
  placeholder: string,
  common: Common<T> & { readonly check?: (text: string) => string | null },
): Setting<T> {
  const parse = (value: string): string => checked(value, common.check);
  return setting('value', placeholder, parse as (text: string) => Element<T>, common);
}

/** One of some words. */
export function oneOf<W extends string>(words: readonly W[], common: Common<W>): Setting<W> {
  const parse = (value: string): W => {
    const word = words.find((known) => known === value);
    if (word === undefined) throw new SettingError(`one of ${words.join(', ')}`);
    return word;
  };
  return setting('value', 'word', parse as (text: string) => Element<W>, common);
}

/** Some texts, or `null` where none is given. */
export function list(
  placeholder: string,
  common: Common<readonly string[] | null> & { readonly check?: (text: string) => string | null },
): Setting<readonly string[] | null> {
  return setting<readonly string[] | null>('list', placeholder, (value) => checked(value, common.check), common);
}

/** On or off: `--name` or `--no-name`; true or false elsewhere. */
export function onOff(common: Common<boolean>): Setting<boolean> {
  const parse = (value: string): boolean => {
    if (['true', 'on', 'yes', '1'].includes(value.toLowerCase())) return true;
    if (['false', 'off', 'no', '0'].includes(value.toLowerCase())) return false;
    throw new SettingError('true or false');
  };
  return setting('switch', '', parse, { ...common, shown: common.shown ?? '' });
}

function checked(value: string, check?: (text: string) => string | null): string {
  const complaint = value === '' ? 'something' : (check?.(value) ?? null);
  if (complaint !== null) throw new SettingError(complaint);
  return value;
}
