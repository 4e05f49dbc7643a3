import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

/** A QR code, dark on light in every theme: cameras read nothing else reliably. Its place is kept while it is drawn. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const rows = useSignal<readonly (readonly boolean[])[]>([]);
  useEffect(() => {
    void import('qr').then(({ default: encodeQR }) => {
      rows.value = encodeQR(text, 'raw', { ecc: 'medium', border: 4 });
    });
  }, [text]);
  const size = Math.max(1, rows.value.length);
  const path = rows.value.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : []))).join('');
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
