/** The File System Access API (WICG), where the browser has it. */
type PickerWindow = Window & {
  showSaveFilePicker?: (options: { readonly suggestedName: string }) => Promise<FileSystemFileHandle>;
};

/** Saves bytes where the user wants them: streamed to the chosen place, or as a download. False where they thought better of it. Neither holds them in the page's memory. */
export async function saveFile(bytes: ReadableStream<Uint8Array<ArrayBuffer>>, name: string): Promise<boolean> {
  const picker = (window as PickerWindow).showSaveFilePicker;
  if (picker === undefined) return download(bytes, name);
  let place: FileSystemFileHandle;
  try {
    place = await picker.call(window, { suggestedName: name });
  } catch (error) {
    // The user has thought better of it; anything else (a name that the system refuses) goes the other way.
    if (error instanceof DOMException && error.name === 'AbortError') return false;
    return download(bytes, name);
  }
  await bytes.pipeTo(await place.createWritable());
  return true;
}

async function download(bytes: ReadableStream<Uint8Array<ArrayBuffer>>, name: string): Promise<boolean> {
  const link = document.createElement('a');
  // Browsers put a large blob on the disk. Never a type that one would open: it would run as this page.
  const type = 'application/octet-stream';
  link.href = URL.createObjectURL(await new Response(bytes, { headers: { 'Content-Type': type } }).blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return true;
}
