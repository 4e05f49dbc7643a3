export { NatsCounters } from './counters.js';
export { type NatsBackplane, type NatsBackplaneOptions, type NatsEvent, natsBackplane } from './nats-backplane.js';
