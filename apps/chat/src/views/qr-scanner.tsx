import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

/** W3C Shape Detection API, where the browser has it; else the same interface by the `qr` library. */
interface QrDetector {
  detect(source: HTMLVideoElement): Promise<readonly { readonly rawValue: string }[]>;
}
type DetectorClass = new (options: { formats: ['qr_code'] }) => QrDetector;

const SCAN_EVERY_MS = 200;

async function makeDetector(): Promise<QrDetector> {
  const native = (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
  // Loaded when somebody scans: most never do.
  const Detector = native ?? ((await import('qr/decode.js')).BarcodeDetector as unknown as DetectorClass);
  return new Detector({ formats: ['qr_code'] });
}

/** Looks for a QR code through the camera. `onFound` says whether it was the right kind. */
export function QrScanner({ onFound }: { onFound: (text: string) => boolean }) {
  const video = useRef<HTMLVideoElement>(null);
  const problem = useSignal('');
  useEffect(() => {
    let stream: MediaStream | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const scan = async (detector: QrDetector): Promise<void> => {
      if (ended || video.current === null) return;
      const found = video.current.readyState >= 2 ? await detector.detect(video.current) : [];
      if (ended || found.some(({ rawValue }) => onFound(rawValue))) return;
      if (found.length > 0) problem.value = 'That code has no address.';
      timer = setTimeout(() => void scan(detector), SCAN_EVERY_MS);
    };
    const start = async (): Promise<void> => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      if (ended || video.current === null) return stop();
      video.current.srcObject = stream;
      await video.current.play();
      await scan(await makeDetector());
    };
    const stop = (): void => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    start().catch(() => {
      if (!ended) problem.value = 'The camera can’t be used here.';
    });
    return () => {
      ended = true;
      clearTimeout(timer);
      stop();
    };
  }, [onFound, problem]);
  return (
    <div class="scanner">
      <video ref={video} playsInline muted aria-label="Camera" />
      <p role="status">{problem.value || 'Hold their code in front of the camera.'}</p>
    </div>
  );
}
