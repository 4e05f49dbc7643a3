import type { Agent } from 'node:http';
import type { SecureContextOptions } from 'node:tls';
import type { Failure, FailureCode } from '@sws/protocol';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { getProxyForUrl } from 'proxy-from-env';
import type { NetworkOptions } from './network-options.js';

/** The options for `ws`. */
export interface NodeTransport extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'passphrase'> {
  readonly headers?: Record<string, string>;
  readonly agent?: Agent;
}

/**
 * The options with which `ws` reaches a relay. They use the given proxy, or else the environment's: `HTTPS_PROXY`, or
 * `HTTP_PROXY` for `ws:` URLs, except for hosts in `NO_PROXY`. @throws TypeError unless the proxy is an http or https
 * URL
 */
export function nodeTransport(relay: string, network: NetworkOptions = {}): NodeTransport {
  const { ca, cert, key, passphrase, headers, agent } = network;
  const proxy = network.proxy === undefined ? getProxyForUrl(relay.replace(/^ws/, 'http')) : (network.proxy ?? '');
  return {
    ...defined({ ca, cert, key, passphrase } as SecureContextOptions),
    ...(headers === undefined ? {} : { headers: { ...headers } }),
    ...(agent === undefined ? (proxy === '' ? {} : { agent: proxyAgent(proxy, ca) }) : { agent: agent as Agent }),
  };
}

function proxyAgent(proxy: string, ca: unknown): Agent {
  if (!/^https?:\/\//.test(proxy) || !URL.canParse(proxy))
    throw new TypeError('network.proxy must be an http or https URL');
  return new ProxyAgent(proxy, defined({ ca } as SecureContextOptions));
}

/** Names the proxy in the errors of a connection to it. */
class ProxyAgent extends HttpsProxyAgent<string> {
  override async connect(
    ...given: Parameters<HttpsProxyAgent<string>['connect']>
  ): ReturnType<HttpsProxyAgent<string>['connect']> {
    const [request, options] = given;
    request.once('proxyConnect', ({ statusCode, statusText }: { statusCode: number; statusText: string }) => {
      if (statusCode !== 200)
        request.destroy(new ProxyError(`the proxy ${this.proxy.host} answered ${statusCode} ${statusText}`.trim()));
    });
    try {
      return await super.connect(request, options);
    } catch (cause) {
      // An error inside an open tunnel concerns the relay, not the proxy.
      if (errorCode(cause) !== null && isTls(errorCode(cause) as string) && options.secureEndpoint) throw cause;
      throw new ProxyError(`the proxy ${this.proxy.host} could not be used: ${(cause as Error).message}`, { cause });
    }
  }
}

class ProxyError extends Error {
  readonly code = 'SWS_PROXY';
}

function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

const CODES: Readonly<Record<string, readonly [FailureCode, string]>> = {
  ENOTFOUND: ['dns', 'was not found'],
  EAI_AGAIN: ['dns', 'could not be looked up'],
  ECONNREFUSED: ['relay-refused', 'refused the connection: nothing listens there'],
  ECONNRESET: ['unreachable', 'closed the connection before it answered'],
  ETIMEDOUT: ['unreachable', 'did not answer'],
  EHOSTUNREACH: ['unreachable', 'cannot be reached'],
  ENETUNREACH: ['unreachable', 'cannot be reached from this network'],
  EPROTO: ['tls', 'does not speak TLS there'],
  CERT_HAS_EXPIRED: ['tls', 'has a certificate that has expired'],
  CERT_NOT_YET_VALID: ['tls', 'has a certificate that is not valid yet: is the clock right?'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['tls', 'has a certificate for another name'],
};

function isTls(code: string): boolean {
  return /CERT|^ERR_(TLS|SSL)|^EPROTO|HOSTNAME_MISMATCH|INVALID_CA|^UNABLE_TO_/.test(code);
}

function errorCode(error: unknown): string | null {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : null;
}

/** Why a relay's socket could not be opened. The detail names the relay. */
export function failureOf(relay: string, cause: Error): Failure {
  const { protocol, host, pathname } = new URL(relay);
  const code = errorCode(cause) ?? '';
  if (code === 'SWS_PROXY') return { code: 'proxy', detail: `${cause.message} (for ${host})`, cause };
  const known = CODES[code];
  if (known !== undefined) {
    // A server that does not answer upgrades for other paths (Socket.IO) and a wrong scheme both end with ECONNRESET.
    const hint = code === 'ECONNRESET' ? `; check ${protocol}//${host}${pathname}, its scheme and path` : '';
    return { code: known[0], detail: `${host} ${known[1]} (${code})${hint}`, cause };
  }
  if (isTls(code)) {
    const detail = `${host} has a certificate that is not trusted (${code}); add its CA with network.ca or NODE_EXTRA_CA_CERTS`;
    return { code: 'tls', detail, cause };
  }
  return { code: 'connection-lost', detail: `${host}: ${cause.message}`, cause };
}

/** The failure for an HTTP answer that is not an upgrade. */
export function failureOfStatus(relay: string, status: number, location: string | undefined): Failure {
  const where = location === undefined ? '' : `, to ${location}`;
  const detail = `${new URL(relay).host} answered with HTTP status ${status}${where}, which is not a relay’s answer`;
  return { code: 'http-status', detail };
}

let warned = '';

/** Warns once, by a warning of Node's, of a failure that waiting will hardly resolve. */
export function warn({ code, detail }: Pick<Failure, 'detail'> & { readonly code: string }): void {
  if ((code !== 'tls' && code !== 'http-status') || detail === warned) return;
  warned = detail;
  process.emitWarning(`${detail}. SWS tries again.`, { type: 'SwsWarning', code });
}
