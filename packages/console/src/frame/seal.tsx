/** The mark of the Trust Center. */
export const Seal = ({ size = 24 }: { readonly size?: number }) => (
  <svg class="seal" viewBox="0 0 32 32" width={size} height={size} aria-hidden="true" focusable="false">
    <circle cx="16" cy="16" r="14" fill="none" stroke="currentColor" stroke-width="2" />
    <circle cx="16" cy="16" r="10.5" fill="none" stroke="currentColor" stroke-dasharray="1 2.3" />
    <path
      d="M11 21V11.5l5 6 5-6V21"
      fill="none"
      stroke="currentColor"
      stroke-width="2.2"
      stroke-linejoin="round"
      stroke-linecap="round"
    />
  </svg>
)
