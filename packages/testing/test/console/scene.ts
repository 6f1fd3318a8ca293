import { existsSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import { builtConsole, type ConsoleBrowser, chromiumPath, openConsoleBrowser, type Tab } from '../../src/console.ts'
import { startTestPlatform, type TestPlatform } from '../../src/platform.ts'

/** What the tests of one file have: a platform with the public fleet `acme`, and a browser. */
export class Scene {
  platform!: TestPlatform
  browser!: ConsoleBrowser
  /** The tab of this test. Where anything went wrong in it that the test did not see, the test fails. */
  tab: Tab | undefined

  /** A tab where `operator/local`, or another operator, is signed in. */
  async signIn(...place: Parameters<ConsoleBrowser['signIn']>): Promise<Page> {
    this.tab = await this.browser.signIn(...place)
    return this.tab.page
  }

  async open(...place: Parameters<ConsoleBrowser['open']>): Promise<Page> {
    this.tab = await this.browser.open(...place)
    return this.tab.page
  }

  /** What the platform says of a device of acme. */
  async device(name: string) {
    return (await this.platform.operator('GET', `/v1/fleets/acme/devices/${name}`)).body
  }
}

/** Tests in a real browser against a real platform. */
export function describeConsole(what: string, tests: (scene: Scene) => void): void {
  describe.skipIf(!existsSync(chromiumPath))(what, () => {
    const scene = new Scene()
    beforeAll(async () => {
      scene.platform = await startTestPlatform({ consoleAssets: builtConsole() })
      scene.browser = await openConsoleBrowser(scene.platform)
      await scene.platform.makeFleet('acme', { isPublic: true })
    })
    afterAll(async () => {
      await scene.browser.close()
      await scene.platform.stop()
    })
    afterEach(async () => {
      const trouble = scene.tab?.trouble ?? []
      await scene.tab?.close()
      scene.tab = undefined
      expect(trouble).toEqual([])
    })
    tests(scene)
  })
}
