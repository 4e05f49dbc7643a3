// How changesets writes CHANGELOG.md: what changed, in the words of the changeset. No hashes, and no lines for dependencies that
// moved along.
module.exports = {
  getReleaseLine: async ({ summary }) => `- ${summary.trim().replaceAll('\n', '\n  ')}`,
  getDependencyReleaseLine: async () => '',
};
