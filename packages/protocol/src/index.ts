export { Channel } from './channel/channel.js';
export type { ChannelEnd, ChannelEvent } from './channel/channel-event.js';
export { type ChannelFrame, KIND, parseChannelFrame } from './channel/channel-frame.js';
export { ChannelKeys, type StaticKey } from './channel/channel-keys.js';
export { type ChannelSettings, DEFAULT_CHANNEL_SETTINGS, jitter } from './channel/channel-settings.js';
export {
  type AcceptPolicy,
  type ChannelCounters,
  type ChannelRequest,
  ChannelTable,
  type ChannelTableOptions,
} from './channel/channel-table.js';
export { type CloseStatus, isSendableCloseCode, MAX_REASON_BYTES } from './channel/close-status.js';
export type { ChannelOffer } from './channel/opening.js';
export type { Padding } from './channel/padding.js';
export { MIN_WINDOW_BYTES } from './channel/payload.js';
export { TokenBucket } from './channel/token-bucket.js';
export {
  Connection,
  type ConnectionOptions,
  type ConnectionOutput,
  type ConnectionState,
} from './connection/connection.js';
export { FAILURE_MEANINGS } from './failure-meanings.js';
export {
  CONNECTION_CODES,
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
  MAX_TOKEN_BYTES,
  type Ping,
  type Pong,
} from './frames/client-frames.js';
export { MAX_TERM, type UnknownFrame } from './frames/fields.js';
export {
  decodeMessage,
  encodeMessage,
  MAX_MAX_MESSAGE_BYTES,
  MESSAGE_HEAD_BYTES,
  MIN_MAX_MESSAGE_BYTES,
  UNDELIVERABLE_HEAD_BYTES,
  undeliverable,
} from './frames/message.js';
export {
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
  type ClientRegistrationOptions,
  type ClientRegistrationOutput,
} from './registration/client-registration.js';
export { hostMatches, LOOPBACK_HOSTS, normaliseHost } from './registration/host.js';
export {
  MAX_REGISTRATION_BYTES,
  type Proof,
  REGISTRATION_TIMEOUT_MS,
  ServerRegistration,
  type ServerRegistrationOptions,
  type ServerRegistrationOutput,
} from './registration/server-registration.js';
export { type RegistrationFacts, registeredMessage, registerMessage } from './registration/transcript.js';
export { type Failure, fail, type Result, succeed } from './result.js';
