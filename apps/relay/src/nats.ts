import { readFileSync } from 'node:fs';
import { type NatsBackplane, type NatsBackplaneOptions, natsBackplane } from '@sws/router-nats';
import { credsAuthenticator } from '@nats-io/transport-node';
