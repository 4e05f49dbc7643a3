/** How a value is written: one after a flag, several after a flag or separated by commas, or as a switch. */
export type SettingKind = 'value' | 'list' | 'switch';

/** One setting, from any source: `--max-message`, `SWS_MAX_MESSAGE`, or `max-message` in the file. */
export interface Setting<T> {
  readonly kind: SettingKind;
  /** The heading in `--help`. */
  readonly group: string;
  readonly help: string;
  /** The placeholder after the flag in `--help`. */
  readonly placeholder: string;
  readonly fallback: T;
  /** Refused on the command line, which every user of the machine can read. */
  readonly secret: boolean;
  /** @throws SettingError that says what is expected */
  readonly parse: (text: string) => T extends readonly (infer E)[] ? E : NonNullable<T>;
  /** The default in `--help`. */
  readonly shown: string | null;
}

/** Says what is wrong with one setting's value. The caller adds where the value is from. */
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

/** A text. `check` returns what is expected if the text is invalid. */
export function text<T extends string | null>(
  placeholder: string,
  common: Common<T> & { readonly check?: (text: string) => string | null },
): Setting<T> {
  const parse = (value: string): string => checked(value, common.check);
  return setting('value', placeholder, parse as (text: string) => Element<T>, common);
}

/** One of several words. */
export function oneOf<W extends string>(words: readonly W[], common: Common<W>): Setting<W> {
  const parse = (value: string): W => {
    const word = words.find((known) => known === value);
    if (word === undefined) throw new SettingError(`one of ${words.join(', ')}`);
    return word;
  };
  return setting('value', 'word', parse as (text: string) => Element<W>, common);
}

/** A list of texts, or `null` if none is given. */
export function list(
  placeholder: string,
  common: Common<readonly string[] | null> & { readonly check?: (text: string) => string | null },
): Setting<readonly string[] | null> {
  return setting<readonly string[] | null>('list', placeholder, (value) => checked(value, common.check), common);
}

/** A switch: `--name` or `--no-name`; true or false in other sources. */
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
