import type { Device, Why } from '../api/shapes.ts'
import { Copy } from '../parts/copy.tsx'
import { Day, Id, Moment } from '../parts/text.tsx'
import { Validity } from '../parts/validity.tsx'
import { DeviceLabels } from './device-labels.tsx'

interface FactsProps {
  readonly fleet: string
  readonly device: Device
  readonly issued: string | undefined
  readonly why: Why
}

/** What a device is called, and the certificate that says so. */
export const DeviceFacts = ({ fleet, device, issued, why }: FactsProps) => {
  const isOver = Date.parse(device.notAfter) <= Date.now()
  return (
    <div class="cards">
      <section class="card" aria-labelledby="identity">
        <h2 id="identity">Identity</h2>
        <dl>
          <div>
            <dt>SPIFFE ID</dt>
            <dd class="with-copy">
              <Id>{device.identity}</Id>
              <Copy text={device.identity} what="SPIFFE ID" />
            </dd>
          </div>
          <div>
            <dt>DID</dt>
            <dd class="with-copy">
              <Id>{device.did}</Id>
              <Copy text={device.did} what="DID" />
            </dd>
          </div>
          <div>
            <dt>Labels</dt>
            <dd>
              <DeviceLabels fleet={fleet} device={device} />
            </dd>
          </div>
          <div>
            <dt>Key tier</dt>
            <dd>{device.tier}</dd>
          </div>
          <div>
            <dt>Enrolled</dt>
            <dd>
              <Moment at={device.enrolled} /> UTC
            </dd>
          </div>
        </dl>
      </section>
      <section class="card" aria-labelledby="certificate">
        <h2 id="certificate">Certificate</h2>
        {issued && <Validity from={issued} until={device.notAfter} />}
        <dl>
          {issued && (
            <div>
              <dt>Issued</dt>
              <dd>
                <Moment at={issued} /> UTC
              </dd>
            </div>
          )}
          <div>
            <dt>{isOver ? 'Ended' : 'Ends'}</dt>
            <dd>
              <Moment at={device.notAfter} /> UTC, <Day at={device.notAfter} />
            </dd>
          </div>
          {why.certificate?.state === 'late' && (
            <div>
              <dt>Renews until</dt>
              <dd>
                <Moment at={why.certificate.renewsUntil} /> UTC
              </dd>
            </div>
          )}
          <div>
            <dt>Serial</dt>
            <dd class="with-copy">
              <Id>{device.serial}</Id>
              <Copy text={device.serial} what="serial number" />
            </dd>
          </div>
        </dl>
      </section>
    </div>
  )
}
