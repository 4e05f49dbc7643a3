import type { Backplane } from '@sws/router';

/** Combines two backplanes. A key is searched on the near one first; other messages are sent on both. */
export function nearAndFar(near: Backplane, far: Backplane): Backplane {
  return {
    maxMessageBytes: Math.min(near.maxMessageBytes, far.maxMessageBytes),
    join(node) {
      const links = [near.join(node), far.join(node)] as const;
      const [nearLink, farLink] = links;
      return {
        highestTerm: async (key) => Math.max(...(await Promise.all(links.map((link) => link.highestTerm(key))))),
        claim(claim) {
          for (const link of links) link.claim(claim);
        },
        release(key) {
          for (const link of links) link.release(key);
        },
        publish(to, from, message) {
          const code = nearLink.publish(to, from, message);
          return code === 'offline' ? farLink.publish(to, from, message) : code;
        },
        gone(key, term) {
          for (const link of links) link.gone(key, term);
        },
        leave() {
          for (const link of links) link.leave();
        },
      };
    },
  };
}
