import { ended } from '../api/session.ts'
import { Seal } from '../frame/seal.tsx'
import { CopyBlock } from '../parts/copy.tsx'
import { hasDrafts } from '../parts/draft.ts'
import { Heading } from '../parts/text.tsx'

/** There is no password to type: a link is printed by a command that proves who asks for it. */
export const SignIn = ({ isOpening }: { readonly isOpening: boolean }) => (
  <main class="sign-in">
    <p class="brand">
      <Seal size={28} /> Mintmark
    </p>
    <div role="alert">
      {ended.value && !isOpening && (
        <div class="banner warn">
          <p>
            {ended.value.message}
            {hasDrafts() && (
              <>
                {' '}
                What you were writing is kept in this tab: open another link <strong>in this tab</strong>, as{' '}
                <bdi>{ended.value.operator}</bdi>, and go on.
              </>
            )}
          </p>
        </div>
      )}
    </div>
    {isOpening ? (
      <Heading>Signing in…</Heading>
    ) : (
      <>
        <Heading>Sign in to the console</Heading>
        <p>
          There is no password. On the computer that runs the platform, ask for a link and open it in a browser there:
        </p>
        <CopyBlock text="mintmark console" what="command" />
        <ul class="notes">
          <li>The link works once, within two minutes, and signs in one tab.</li>
          <li>
            Where the data directory is not <code>./mintmark-data</code>, name it with <code class="short">--data</code>
            .
          </li>
          <li>The session ends after 15 minutes without use, after 8 hours, and at once when you are revoked.</li>
        </ul>
        <p class="quiet">
          Without signing in you can read the <a href="/trust">Trust Center</a>.
        </p>
      </>
    )}
  </main>
)
