import type { Backplane } from '@sws/router';

/** Two backplanes as one: a key is looked for on the near one first, and what is said to others is said on both. */
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
