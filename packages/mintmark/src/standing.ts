import type { Command } from 'commander'
import { type AsOperator, asOperator } from './operator.ts'
import { type DeviceName, devicePath } from './options.ts'
import { print, shown } from './print.ts'
import { fieldsOf } from './reply.ts'

interface Options extends AsOperator {
  readonly reason: string
}

/** What `revoke` and `decommission` do; they differ in the word. */
export const lowerStanding =
  (verb: 'revoke' | 'decommission') =>
  async (device: DeviceName, options: Options, command: Command): Promise<void> => {
    const { reason } = options
    const path = `${devicePath(device)}/${verb}`
    const body = fieldsOf(await asOperator(options, async platform => (await platform.post(path, { reason })).body))
    const text = `${device.fleet}/${device.name} is ${shown(body.standing)}. It is refused from now on, everywhere.`
    print(command, { json: body, text })
  }
