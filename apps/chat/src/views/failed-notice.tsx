export function FailedNotice({ error }: { error: unknown }) {
  const { name, message } = error instanceof Error ? error : { name: '', message: 'unknown' };
  // IndexedDB refuses a version that is older than what it holds.
  const isOld = name === 'VersionError';
  return (
    <main class="centre alone">
      <h1>{isOld ? 'This page is older than your messages' : 'Your messages can’t be opened'}</h1>
      <p class="faint" role="alert">
        {isOld
          ? 'A newer version of the chat was open here. Nothing is lost: use that version again.'
          : 'The browser’s storage didn’t answer. Nothing is lost, but nothing can be shown. Closing other tabs often helps.'}
      </p>
      <button type="button" class="primary" onClick={() => location.reload()}>
        {isOld ? 'Update' : 'Try again'}
      </button>
      <details>
        <summary>What the browser said</summary>
        <p class="said">{message}</p>
      </details>
    </main>
  );
}
