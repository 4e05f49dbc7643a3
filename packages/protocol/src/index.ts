export { Channel } from './channel/channel.js';
export type { ChannelCounters } from './channel/channel-context.js';
export type { ChannelEnd, ChannelEvent } from './channel/channel-event.js';
export { type ChannelFrame, parseChannelFrame } from './channel/channel-frame.js';
export type { StaticKey } from './channel/channel-keys.js';
export type { ChannelCommand } from './channel/channel-phase.js';
export { type ChannelSettings, DEFAULT_CHANNEL_SETTINGS } from './channel/channel-settings.js';
export { ChannelTable } from './channel/channel-table.js';
export type {
  AcceptAnswer,
  AcceptPolicy,
  ChannelNotice,
  ChannelRequest,
  ChannelTableOptions,
} from './channel/channel-table-options.js';
export type { CloseStatus } from './channel/close-status.js';
export { DEFAULT_MEMORY_LIMITS, type MemoryLimits } from './channel/memory-budget.js';
export type { ChannelOffer } from './channel/opening.js';
export type { Padding } from './channel/padding.js';
export { Connection } from './connection/connection.js';
export type { ConnectionEvent, ConnectionOptions, ConnectionState } from './connection/connection-options.js';
export { FAILURE_MEANINGS } from './failure-meanings.js';
export {
  FAILURES,
  type FailureCode,
  type FailureRow,
  failureOfCloseCode,
  UNDELIVERABLE_CODES,
  type UndeliverableCode,
} from './failures.js';
export {
  type ChallengeResponse,
  type ClientFrame,
  decodeClientFrame,
  type Encoding,
  type JsonMessage,
  type Ping,
  type Pong,
} from './frames/client-frames.js';
export type { UnknownFrame } from './frames/fields.js';
export { decodeMessage, encodeMessage } from './frames/message.js';
export {
  type Backlog,
  type Challenge,
  decodeRelayFrame,
  type ErrorFrame,
  encodeFrame,
  type Limits,
  type PeerGone,
  type RegisterFailure,
  type RegisterSuccess,
  type RelayFrame,
  type Restarting,
  type Undeliverable,
} from './frames/relay-frames.js';
export {
  ClientRegistration,
  type ClientRegistrationEvent,
  type ClientRegistrationOptions,
  type SignatureTask,
} from './registration/client-registration.js';
export {
  type Proof,
  ServerRegistration,
  type ServerRegistrationEvent,
  type ServerRegistrationOptions,
} from './registration/server-registration.js';
export type { Failure, Result } from './result.js';
export type { SwsError } from './sws-error.js';
