interface LabelsProps {
  readonly labels: Readonly<Record<string, string>>
  /** Where a label leads: to the devices that have it. */
  readonly addressOf: (label: string) => string
}

export const Labels = ({ labels, addressOf }: LabelsProps) => {
  const all = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  if (all.length === 0) return <span class="quiet">–</span>
  return (
    <span class="labels">
      {all.map(label => (
        <a key={label} class="label" href={addressOf(label)}>
          {label}
        </a>
      ))}
    </span>
  )
}
