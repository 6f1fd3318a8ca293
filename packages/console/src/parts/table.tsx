// On a phone a row is a block, and of a table that is shown otherwise a browser may say that it is none.
// biome-ignore-all lint/a11y/noRedundantRoles: so the roles are said
import type { ComponentChildren } from 'preact'

export interface Head {
  readonly text: ComponentChildren
  /** Not on a phone: it is on the page of the row as well. */
  readonly isWide?: boolean
  readonly isNumber?: boolean
}

export const Table = ({
  heads,
  label,
  children,
}: {
  readonly heads: readonly Head[]
  readonly label: string
  readonly children: ComponentChildren
}) => (
  <div class="table">
    <table role="table" aria-label={label}>
      <thead role="rowgroup">
        <tr role="row">
          {heads.map(({ text, isWide, isNumber }, i) => (
            <th
              key={i}
              role="columnheader"
              scope="col"
              class={`${isWide ? 'wide-only' : ''} ${isNumber ? 'number' : ''}`}
            >
              {text}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">{children}</tbody>
    </table>
  </div>
)

export const Row = ({ children }: { readonly children: ComponentChildren }) => <tr role="row">{children}</tr>

/** What a row is about. */
export const RowHead = ({
  label,
  kind,
  children,
}: Pick<CellProps, 'label' | 'children'> & { readonly kind?: 'says' }) => (
  <th role="rowheader" scope="row" data-label={label} class={kind}>
    {children}
  </th>
)

interface CellProps {
  /** Said before it on a phone, where there is no head above it. */
  readonly label?: string
  readonly isWide?: boolean
  readonly kind?: 'number' | 'act' | 'main'
  readonly children: ComponentChildren
}

export const Cell = ({ label, isWide, kind, children }: CellProps) => (
  <td role="cell" data-label={label} class={`${isWide ? 'wide-only' : ''} ${kind ?? ''}`}>
    {children}
  </td>
)
