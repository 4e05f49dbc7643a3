import type { BackplaneLink } from './backplane.js';

/** The link of a node without a backplane. It knows no other node, and stores nothing. */
export const LONE_NODE: BackplaneLink = {
  highestTerm: async () => 0,
  claim: () => {},
  release: () => {},
  publish: () => 'offline',
  gone: () => {},
  leave: () => {},
};
