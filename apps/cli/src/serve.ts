import { connect as dial, type LookupFunction } from 'node:net';
import { Admission, type AdmissionFlags } from './admission.js';
import { type CloseInfo, TUNNEL_PROTOCOL } from './byte-pipe.js';
import { carryTcp, untilSignal } from './carry-tcp.js';
import { type Contacts, calledBy, readContacts } from './contacts.js';
import type { IdentityFlags } from './identity.js';
import type { Reporter } from './report.js';
import { checkServices, parseService, pathOf, readServices, type Service } from './services.js';
import { BUSY, type Line } from './station/line.js';
import { openStation } from './station/open-station.js';

/** Close code: the served port refused the connection, or did not answer. */
const PORT_REFUSED = 4502;

export interface ServeFlags extends IdentityFlags, AdmissionFlags {
  readonly relay: string;
  /** The host of the ports, unless a service names its own: this machine, or one that it reaches. */
  readonly host: string;
  /** A TOML file of services. */
  readonly file?: string;
  readonly json?: boolean;
}

interface Served extends Service {
  readonly target: string;
  readonly admission: Admission;
}

/** Makes TCP ports reachable by key until a signal; resolves with the exit code. */
export async function serve(texts: readonly string[], flags: ServeFlags, tell: Reporter): Promise<number> {
  const services = [
    ...texts.map((text) => parseService(text, flags.host)),
    ...(flags.file === undefined ? [] : await readServices(flags.file, flags.host)),
  ];
  checkServices(services);
  const contacts = await readContacts();
  const served = new Map(services.map((service) => [pathOf(service), withRules(service, flags, contacts)]));
  const station = await openStation(flags, tell);
  try {
    const serveLine = async (line: Line): Promise<void> => {
      const service = served.get(line.resource.split('?', 1)[0] ?? '');
      if (service === undefined) return line.close(BUSY, 'no such service');
      if (!(await service.admission.admits(line, station.address))) return;
      dialFor(line, service, calledBy(contacts, line.peer), tell);
    };
    const rules = [...served.values()].map(({ admission }) => admission.only);
    const only = rules.includes(null) ? null : [...new Set(rules.flatMap((keys) => keys ?? []))];
    const filter = { protocols: [TUNNEL_PROTOCOL], resources: [...served.keys()], only, exclusive: true };
    const url = `${station.url}${station.address}`;
    return await untilSignal(
      station,
      tell,
      () => station.listen(filter, (line) => void serveLine(line)),
      () => {
        for (const { name, port, target } of served.values()) {
          const link = name === '' ? url : `${url}/${name}`;
          tell(
            { event: 'serving', address: station.address, url: link, target, ...(name === '' ? {} : { name }) },
            `serving ${target} as ${name === '' ? station.address : `${station.address}/${name}`}\nopen with: sws open ${link} --port ${port}`,
          );
        }
      },
    );
  } finally {
    await station.close();
  }
}

/** Returns a service with the rules of who may use it. @throws SwsError `nobody-admitted` */
function withRules(service: Service, flags: ServeFlags, contacts: Contacts): Served {
  const { name, host, port, allow = flags.allow } = service;
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const scope = `serve ${name === '' ? '' : `${name}=`}${target}`;
  const rules = { acceptAll: flags.acceptAll === true && service.allow === undefined, ...(allow && { allow }) };
  return { ...service, target, admission: new Admission(rules, scope, contacts, flags.json === true) };
}

/** Tries IPv4 and IPv6 addresses in turn. Node's own 250 ms per address are too short on a busy machine. */
const FAMILIES = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 3_000 } as const;

/**
 * `localhost` is both loopback addresses (RFC 6761 §6.3), whatever the hosts file says. Some servers listen only on
 * ::1.
 */
const lookupLocalhost: LookupFunction = (_host, _options, callback) =>
  callback(null, [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]);

/** Carries one connection of a peer to a service. */
function dialFor(line: Line, { name, host, port }: Service, called: string, tell: Reporter): void {
  const { peer } = line;
  const what = name === '' ? '' : ` to ${name}`;
  tell({ event: 'connection', peer, ...(name === '' ? {} : { name }) }, `connection from ${called}${what}`);
  // A name can have addresses of both kinds. The one that answers is used (RFC 8305).
  const lookup = host === 'localhost' ? { lookup: lookupLocalhost } : {};
  const tcp = dial({ port, host, allowHalfOpen: true, noDelay: true, ...FAMILIES, ...lookup });
  let reached = false;
  tcp.once('connect', () => {
    reached = true;
  });
  const closeFor = (error: Error & { code?: string }): CloseInfo | undefined =>
    reached ? undefined : { closeCode: PORT_REFUSED, reason: `cannot connect to the port (${error.code})` };
  void carryTcp(async () => line, { address: peer, called }, tcp, tell, closeFor);
}
