import type { CryptoProvider, IdentityLike, RandomBytes } from '@sws/crypto';
import type { ChannelSettings } from '../channel/channel-settings.js';
import type { AcceptPolicy, ChannelNotice, ChannelTableOptions } from '../channel/channel-table-options.js';
import type { Encoding } from '../frames/client-frames.js';
import type { SignatureTask } from '../registration/client-registration.js';
import type { Failure } from '../result.js';

/** Events for the shell, to carry out or to pass to the application. */
export type ConnectionEvent =
  /** Open a socket to the relay. */
  | { readonly type: 'dial' }
  /** Close the socket, and forget it. */
  | { readonly type: 'hang-up' }
  | { readonly type: 'state'; readonly state: ConnectionState }
  | SignatureTask
  | ChannelNotice;

/** The state of a connection for the application. `retryAtMs` is when it dials again. */
export type ConnectionState =
  | { readonly name: 'connecting' }
  | { readonly name: 'registered' }
  | { readonly name: 'reconnecting'; readonly failure: Failure; readonly retryAtMs: number }
  | { readonly name: 'down'; readonly failure: Failure };

export interface ConnectionOptions {
  readonly identity: IdentityLike;
  readonly provider: CryptoProvider;
  readonly random: RandomBytes;
  readonly host: string;
  readonly encoding: Encoding;
  readonly token?: string | undefined;
  readonly serverKey?: string | undefined;
  readonly settings: ChannelSettings;
  readonly accept: AcceptPolicy;
  readonly memory?: ChannelTableOptions['memory'];
  readonly isKnown?: ChannelTableOptions['isKnown'];
  /** Whether the shell signs and verifies: it gets events `sign` and `verify`. */
  readonly asksShell?: boolean;
}
