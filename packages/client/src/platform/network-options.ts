/** One or several certificates, in PEM or DER. */
type Certificates = string | Uint8Array | readonly (string | Uint8Array)[];

/** How Node reaches the relay. Browsers have their own settings. */
export interface NetworkOptions {
  /**
   * Certificate authorities to trust instead of Node's own. Set it for a private CA. @defaultValue Node's, and
   * `NODE_EXTRA_CA_CERTS`
   */
  readonly ca?: Certificates;
  /** A client certificate. Set it if a gateway in front of the relay requires one. @defaultValue none */
  readonly cert?: Certificates;
  /** The private key of `cert`. */
  readonly key?: Certificates;
  /** Opens an encrypted `key`. */
  readonly passphrase?: string;
  /** More headers for the upgrade request, for a gateway in front of the relay. @defaultValue none */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * The URL of an HTTP proxy that opens a tunnel, such as `http://user:password@proxy.example:3128`; `null` for no
   * proxy. @defaultValue from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`
   */
  readonly proxy?: string | null;
  /** A `node:http` agent that connects, instead of `proxy`. Set it for SOCKS or a Unix socket. @defaultValue none */
  readonly agent?: object;
}
