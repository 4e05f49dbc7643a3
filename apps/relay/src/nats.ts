import { type NatsBackplane, type NatsEvent, natsBackplane } from '@sws/router-nats';
import type { Settings } from './settings/schema.js';

/** The backplane of the settings. @throws Error that says which servers could not be used, and why */
export async function openNats(
  settings: Settings,
  onEvent: (event: NatsEvent) => void,
): Promise<NatsBackplane | undefined> {
  const { nats, natsUser, natsPassword, natsToken, natsCredentials, natsCa, natsCert, natsKey, natsPrefix } = settings;
  if (nats === null) return undefined;
  const tls = {
    ...(natsCa === null ? {} : { caFile: natsCa }),
    ...(natsCert === null ? {} : { certFile: natsCert }),
    ...(natsKey === null ? {} : { keyFile: natsKey }),
  };
  try {
    return await natsBackplane({
      prefix: natsPrefix,
      ...(natsCredentials === null ? {} : { credentialsFile: natsCredentials }),
      connection: {
        servers: [...nats],
        name: 'sws-relay',
        ...(natsUser === null ? {} : { user: natsUser }),
        ...(natsPassword === null ? {} : { pass: natsPassword }),
        ...(natsToken === null ? {} : { token: natsToken }),
        ...(Object.keys(tls).length === 0 ? {} : { tls }),
      },
      onEvent,
    });
  } catch (error) {
    throw new Error(`nats: ${nats.join(', ')}: ${error instanceof Error ? error.message : 'not reachable'}`);
  }
}
