import type { BackplaneLink } from './backplane.js';

/** The link of a node without others: it knows nobody, and remembers nothing. */
export const LONE_NODE: BackplaneLink = {
  highestTerm: async () => 0,
  claim: () => {},
  release: () => {},
  publish: () => 'offline',
  gone: () => {},
  leave: () => {},
};
