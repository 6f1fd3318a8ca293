import { grantLines } from '../words/grants.ts'

/** What an operator may do, a line for each role. */
export const GrantList = ({ grants }: { readonly grants: string }) => {
  const lines = grantLines(grants)
  if (lines.length === 0) return <span class="quiet">nothing</span>
  return (
    <ul class="grants">
      {lines.map(({ role, fleets }) => (
        <li key={role}>
          {role} <span class="quiet">of</span> {fleets}
        </li>
      ))}
    </ul>
  )
}
