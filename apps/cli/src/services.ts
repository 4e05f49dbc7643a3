import { readFile } from 'node:fs/promises';
import { SwsError } from '@sws/crypto';
import { parse } from 'smol-toml';

/** A TCP port that peers reach by a name, or by the address alone. */
export interface Service {
  /** Empty for the service that peers reach by the address alone. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** The peers that may use it; `undefined` for those that the flags name. */
  readonly allow?: readonly string[];
}

/** The most services of one command. */
const MAX_SERVICES = 256;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Returns the path that peers request for a service. */
export function pathOf({ name }: Pick<Service, 'name'>): string {
  return `/${name}`;
}

/** Parses `22`, `postgres=5432` or `web=[::1]:3000`. `host` is the default host. @throws SwsError `invalid-service` */
export function parseService(text: string, host: string): Service {
  const equals = text.indexOf('=');
  const name = equals < 0 ? '' : text.slice(0, equals);
  const target = text.slice(equals + 1);
  if (equals >= 0) checkService(name);
  if (/\/(udp|tcp)$/i.test(target)) {
    const carries = /udp$/i.test(target) ? 'UDP is not carried, only TCP' : 'leave /tcp out: only TCP is carried';
    throw new SwsError('invalid-service', `${text}: ${carries}`);
  }
  const [, bracketed, plain, port = ''] = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?([^:]*)$/.exec(target) ?? [];
  return { name, host: bracketed ?? plain ?? host, port: checkPort(port, text) };
}

/**
 * Reads the services of a TOML file: one table each, with `port`, and optionally `host` and `allow` (addresses or
 * names).
 * @throws SwsError `invalid-service`; Error if the file cannot be read
 */
export async function readServices(path: string, host: string): Promise<Service[]> {
  const tables = Object.entries(tablesOf(await readFile(path, 'utf8'), path));
  return tables.map(([name, value]) => {
    checkService(name);
    const { port, host: own = host, allow, ...rest } = { ...(value as Readonly<Record<string, unknown>>) };
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined)
      throw new SwsError('invalid-service', `${path}: ${name} has an unknown setting: ${unknown}`);
    if (typeof own !== 'string') throw new SwsError('invalid-service', `${path}: the host of ${name} must be a string`);
    const isList = Array.isArray(allow) && allow.every((one) => typeof one === 'string');
    if (allow !== undefined && !isList)
      throw new SwsError('invalid-service', `${path}: allow of ${name} must be a list of strings`);
    const service = { name, host: own, port: checkPort(String(port), `${path}: ${name}`) };
    return isList ? { ...service, allow } : service;
  });
}

/** @throws SwsError if there are none or too many, or two have the same name */
export function checkServices(services: readonly Service[]): void {
  if (services.length === 0 || services.length > MAX_SERVICES)
    throw new SwsError('invalid-service', `name 1 to ${MAX_SERVICES} services, such as 22 or web=3000`);
  const names = new Set<string>();
  for (const { name } of services) {
    if (names.has(name))
      throw new SwsError(
        'invalid-service',
        name === '' ? 'several services each need a name, such as web=3000' : `two services have the name ${name}`,
      );
    names.add(name);
  }
}

function tablesOf(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text);
  } catch (cause) {
    throw new SwsError('invalid-service', `${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function checkService(name: string): void {
  if (!NAME.test(name))
    throw new SwsError(
      'invalid-service',
      `${name} cannot be a service's name: use at most 64 letters a–z, digits, dots, dashes and underscores, starting with a letter or digit`,
    );
}

function checkPort(text: string, where: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535)
    throw new SwsError('invalid-service', `${where}: a port must be 1–65535, got ${text}`);
  return port;
}
