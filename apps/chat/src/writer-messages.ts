/** What the page asks of a writer (`workers/file-writer.ts`). */
export type WriterRequest =
  | { readonly type: 'open'; readonly path: readonly string[] }
  | { readonly type: 'write'; readonly bytes: ArrayBuffer }
  | { readonly type: 'close' };

/** The file's size after a request, or why it failed. */
export type WriterAnswer =
  | { readonly ok: true; readonly size: number }
  | { readonly ok: false; readonly reason: 'full' | 'unavailable' };
