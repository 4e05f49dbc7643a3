import { type Command, Option } from 'commander';
import type { Flags } from './load.js';
import { environmentNameOf, kebabOf, SCHEMA } from './schema.js';
import type { Setting } from './setting.js';

const SECRETS = Object.entries(SCHEMA)
  .filter(([, { secret }]) => secret)
  .map(([name]) => environmentNameOf(name));

const EXAMPLES = `
You can also give each setting in the environment (SWS_MAX_MESSAGE for --max-message; lists separated by commas;
true or false for switches), or in the file of --config (TOML: max-message = 131072). The command line overrides
the environment, and the environment overrides the file. Other users could read secrets from flags, so these have
none: ${SECRETS.join(', ')}.

Signals: SIGTERM or SIGINT drain (a second one ends at once); SIGHUP reloads --allow, --tokens, --cert, --key
and the limits in the file of --config.

Examples:
  sws-relay                                              on this machine alone, with the chat page
  sws-relay --hosts relay.example --host 127.0.0.1       behind a TLS proxy on the same machine
  sws-relay --hosts relay.example --port 443 --cert fullchain.pem --key privkey.pem
  sws-relay --hosts relay.example --nats nats://10.0.0.5:4222
  sws-relay identity show                                the key that clients pin`;

/** With fewer columns, commander would not wrap beside such long flags. */
const HELP_COLUMNS = 118;

/** Adds all settings of the schema to a command, under their headings. */
export function withSettings(command: Command): Command {
  command.addOption(new Option('--config <file>', 'a TOML file with any of these settings').helpGroup('Settings:'));
  for (const [name, setting] of Object.entries(SCHEMA))
    for (const option of optionsOf(name, setting)) command.addOption(option);
  return command
    .configureHelp({ helpWidth: Math.max(HELP_COLUMNS, process.stdout.columns ?? 0) })
    .addHelpText('after', EXAMPLES);
}

/** The settings given on the command line. */
export function flagsOf(command: Command): Flags {
  const flags: Record<string, string | readonly string[] | boolean | undefined> = {};
  for (const [name, value] of Object.entries<string | string[] | boolean>(command.opts()))
    if (command.getOptionValueSource(name) === 'cli') flags[name] = value;
  return flags;
}

function optionsOf(name: string, setting: Setting<unknown>): Option[] {
  const { kind, group, help, placeholder, secret, shown } = setting;
  if (secret) return [];
  const flag = kebabOf(name);
  const described = shown === null || kind === 'switch' ? help : `${help} (default: ${shown})`;
  if (kind === 'switch') {
    const [on, off] = [new Option(`--${flag}`, described), new Option(`--no-${flag}`, `do not ${help}`)];
    return setting.fallback === true ? [on.hideHelp().helpGroup(group), off.helpGroup(group)] : [on.helpGroup(group)];
  }
  const value = kind === 'list' ? `<${placeholder}...>` : `<${placeholder}>`;
  return [new Option(`--${flag} ${value}`, described).helpGroup(group)];
}
