/** The File System Access API (WICG), where the browser has it. */
type PickerWindow = Window & {
  showSaveFilePicker?: (options: { readonly suggestedName: string }) => Promise<FileSystemFileHandle>;
};

/** Saves bytes where the user wants them: streamed to the chosen place, or as a download. Neither reads them into memory. */
export async function saveFile(bytes: Blob, name: string): Promise<void> {
  const picker = (window as PickerWindow).showSaveFilePicker;
  if (picker === undefined) return download(bytes, name);
  let place: FileSystemFileHandle;
  try {
    place = await picker.call(window, { suggestedName: name });
  } catch (error) {
    // The user has thought better of it; anything else (a name that the system refuses) goes the other way.
    if (error instanceof DOMException && error.name === 'AbortError') return;
    return download(bytes, name);
  }
  await bytes.stream().pipeTo(await place.createWritable());
}

function download(bytes: Blob, name: string): void {
  const link = document.createElement('a');
  // Never a type that a browser would open: it would run as this page.
  link.href = URL.createObjectURL(bytes.slice(0, bytes.size, 'application/octet-stream'));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
