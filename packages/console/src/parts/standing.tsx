import type { Device } from '../api/shapes.ts'
import { Chip } from './text.tsx'

/** Standing in a word; a certificate that is over is said where the name itself is in good standing. */
export const Standing = ({ standing, notAfter }: Pick<Device, 'standing' | 'notAfter'>) => {
  if (standing === 'good' && Date.parse(notAfter) < Date.now()) return <Chip tone="warn">Expired</Chip>
  const known = Object.hasOwn(words, standing) ? words[standing] : undefined
  return <Chip tone={known?.[0] ?? 'plain'}>{known?.[1] ?? standing}</Chip>
}

const words: Readonly<Record<string, readonly ['good' | 'bad' | 'plain', string]>> = {
  good: ['good', 'Good'],
  revoked: ['bad', 'Revoked'],
  decommissioned: ['plain', 'Decommissioned'],
}
