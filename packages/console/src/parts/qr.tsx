import { encode } from 'uqr'
import { pathOf } from './qr-path.ts'

/** A text as a QR code: one path, dark on light in both schemes, as cameras want it. */
export const Qr = ({ text, label }: { readonly text: string; readonly label: string }) => {
  const { size, data } = encode(text, { ecc: 'M', border: 3 })
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect class="light" width={size} height={size} />
      <path class="dark" d={pathOf(data)} />
    </svg>
  )
}
