import type { Rights } from '../api/shapes.ts'
import { Foreign, Id } from '../parts/text.tsx'

/** What the device may send, and to whom. It is changed by the command. */
export const DeviceMessages = ({ scopes, recipients, devices, counts }: Rights) => (
  <section class="card" aria-labelledby="messages">
    <h2 id="messages">Messages</h2>
    <dl>
      <div>
        <dt>May send for</dt>
        <dd>{scopes.length === 0 ? 'Nothing' : <Names names={scopes} />}</dd>
      </div>
      {scopes.length > 0 && (
        <div>
          <dt>To</dt>
          <dd>{recipients === null ? 'Every device of the fleet' : <Names names={recipients} />}</dd>
        </div>
      )}
      {devices.length > 0 && (
        <div>
          <dt>Speaks for</dt>
          <dd>
            <Names names={devices} />
          </dd>
        </div>
      )}
      {counts && (
        <div>
          <dt>Time</dt>
          <dd>It has no clock, and counts its messages</dd>
        </div>
      )}
      <div>
        <dt>To change it</dt>
        <dd>
          <code>mintmark device scope</code>
        </dd>
      </div>
    </dl>
  </section>
)

const Names = ({ names }: { readonly names: readonly string[] }) => (
  <>
    {names.map((name, i) => (
      <span key={name}>
        {i > 0 && ', '}
        {name.startsWith('did:') ? <Id>{name}</Id> : <Foreign>{name}</Foreign>}
      </span>
    ))}
  </>
)
