/** PEM or DER, or several. */
type Certificates = string | Uint8Array | readonly (string | Uint8Array)[];

/** How the relay is reached, in Node. Browsers have settings of their own. */
export interface NetworkOptions {
  /** Certificate authorities to trust instead of Node's own, for a private CA. @defaultValue Node's, and `NODE_EXTRA_CA_CERTS` */
  readonly ca?: Certificates;
  /** A client certificate, where a gate before the relay asks for one. @defaultValue none */
  readonly cert?: Certificates;
  /** The private key of `cert`. */
  readonly key?: Certificates;
  /** Opens an encrypted `key`. */
  readonly passphrase?: string;
  /** Headers of the upgrade request, for a gate before the relay. @defaultValue none of yours */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * The URL of an HTTP proxy that is asked for a tunnel, such as `http://user:password@proxy.example:3128`; `null` for none.
   * @defaultValue as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say
   */
  readonly proxy?: string | null;
  /** A `node:http` agent to connect by, instead of `proxy`: SOCKS, a Unix socket. @defaultValue none */
  readonly agent?: object;
}
