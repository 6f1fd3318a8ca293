import type { Refusal } from '../api/call.ts'

/** Why something was not done, where it was asked for. */
export const Refused = ({ refusal }: { readonly refusal: Refusal | undefined }) => (
  <div role="alert">
    {refusal && (
      <div class="refused">
        <p>{refusal.message}</p>
        <p class="quiet">
          {refusal.hint && `${refusal.hint} · `}
          <code>{refusal.code}</code>
        </p>
      </div>
    )}
  </div>
)
