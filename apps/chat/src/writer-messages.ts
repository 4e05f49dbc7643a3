/** What the page asks of a writer (`workers/file-writer.ts`). `key` is the one that the file is sealed under. */
export type WriterRequest =
  | { readonly type: 'open'; readonly path: readonly string[]; readonly key: Uint8Array }
  | { readonly type: 'write'; readonly bytes: ArrayBuffer }
  | { readonly type: 'close' };

/** How many bytes of the file are on the disk after a request, or why it failed. */
export type WriterAnswer =
  | { readonly ok: true; readonly size: number }
  | { readonly ok: false; readonly reason: 'full' | 'unavailable' };
