import { describe, expect, test } from '@jest/globals'
import { createAppJwt } from '../../src/github/app-jwt.ts'

const START = Date.UTC(2026, 10, 23)

function createScene(fail: { next: boolean } = { next: false }) {
  let time = START
  let signatures = 0
  let asked = 0
  let held: Promise<void> | undefined
  const sign = async () => {
    asked += 1
    await held
    if (fail.next) throw new Error('the KMS is away')
    signatures += 1
    return Buffer.from(`signature ${signatures}`)
  }
  const jwt = createAppJwt({ appId: 7, sign, clock: { now: () => time } })
  return {
    jwt,
    signatures: () => signatures,
    /** How often a signature was asked for, whatever came of it. */
    asked: () => asked,
    /** Signatures from now on come when they are released. */
    hold() {
      let release = () => {}
      held = new Promise((resolve) => {
        release = resolve
      })
      return { release }
    },
    advance(ms: number) {
      time += ms
    },
  }
}

/** What was begun in the background is done, as far as it waits for nothing. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

function part(jwt: string, index: number): unknown {
  return JSON.parse(Buffer.from(jwt.split('.')[index] ?? '', 'base64url').toString())
}

describe('the JWT of the App', () => {
  test('is issued a minute ago and lives for nine, by RS256', async () => {
    const { jwt } = await createScene().jwt.get()
    expect(part(jwt, 0)).toEqual({ alg: 'RS256', typ: 'JWT' })
    expect(part(jwt, 1)).toEqual({ iat: START / 1000 - 60, exp: START / 1000 + 540, iss: '7' })
  })

  test('is signed once for all who want it, and anew a minute before its end', async () => {
    const scene = createScene()
    await Promise.all(Array.from({ length: 20 }, () => scene.jwt.get()))
    scene.advance(8 * 60_000 - 1)
    await scene.jwt.get()
    expect(scene.signatures()).toBe(1)
    scene.advance(1)
    await scene.jwt.get()
    await turn()
    const { jwt } = await scene.jwt.get()
    expect(part(jwt, 1)).toMatchObject({ exp: START / 1000 + 8 * 60 + 540 })
    expect(scene.signatures()).toBe(2)
  })

  test('is renewed while the old one is in use: nobody waits for the signature', async () => {
    const scene = createScene()
    const old = await scene.jwt.get()
    const signature = scene.hold()
    scene.advance(8 * 60_000)
    expect(await Promise.all([scene.jwt.get(), scene.jwt.get()])).toEqual([old, old])
    scene.advance(54_999)
    expect(await scene.jwt.get()).toEqual(old)
    scene.advance(1) // five seconds are left: it might not reach GitHub in time
    const waiting = scene.jwt.get()
    signature.release()
    expect((await waiting).jwt).not.toBe(old.jwt)
    expect(scene.asked()).toBe(2)
  })

  test('is there at once while it is good, and renewed in the background all the same', async () => {
    const scene = createScene()
    expect(scene.jwt.current()).toBeUndefined()
    const { jwt: old } = await scene.jwt.get()
    expect(scene.jwt.current()).toBe(old)
    const signature = scene.hold()
    scene.advance(8 * 60_000)
    expect([scene.jwt.current(), scene.jwt.current()]).toEqual([old, old])
    expect(scene.asked()).toBe(2)
    scene.advance(55_000) // five seconds are left: it might not reach GitHub in time
    expect(scene.jwt.current()).toBeUndefined()
    signature.release()
    const { jwt: fresh } = await scene.jwt.get()
    expect(scene.jwt.current()).toBe(fresh)
    scene.jwt.discard(scene.jwt.serial())
    expect(scene.jwt.current()).toBeUndefined()
  })

  test('that cannot be renewed is used as long as it is good, and its signer asked once a second', async () => {
    const fail = { next: false }
    const scene = createScene(fail)
    const old = await scene.jwt.get()
    fail.next = true
    scene.advance(8 * 60_000)
    expect(await Promise.all(Array.from({ length: 20 }, () => scene.jwt.get()))).toEqual(Array(20).fill(old))
    await turn()
    expect(await scene.jwt.get()).toEqual(old)
    expect(scene.asked()).toBe(2)
    scene.advance(1000)
    expect(await scene.jwt.get()).toEqual(old)
    expect(scene.asked()).toBe(3)
    await turn()
    scene.advance(54_000)
    await expect(scene.jwt.get()).rejects.toThrow('the KMS is away')
    fail.next = false
    scene.advance(1000)
    expect((await scene.jwt.get()).jwt).not.toBe(old.jwt)
  })

  test('is signed anew when the clock was set back', async () => {
    const scene = createScene()
    await scene.jwt.get()
    scene.advance(-3_600_000)
    await scene.jwt.get()
    expect(scene.signatures()).toBe(2)
  })

  test('that was refused is signed anew once, however many were refused with it', async () => {
    const { jwt, signatures } = createScene()
    await jwt.get()
    const refused = jwt.serial()
    jwt.discard(refused)
    await jwt.get()
    jwt.discard(refused)
    await jwt.get()
    expect(signatures()).toBe(2)
  })

  test('that GitHub refuses again and again is signed anew every five seconds at most', async () => {
    const scene = createScene()
    const refuse = async () => {
      await scene.jwt.get()
      scene.jwt.discard(scene.jwt.serial())
    }
    for (let n = 0; n < 10; n += 1) await refuse()
    expect(scene.signatures()).toBe(2)
    scene.advance(4_999)
    for (let n = 0; n < 10; n += 1) await refuse()
    expect(scene.signatures()).toBe(2)
    scene.advance(1)
    for (let n = 0; n < 10; n += 1) await refuse()
    expect(scene.signatures()).toBe(3)
  })

  test('is signed once for all whose refusal showed the same clock', async () => {
    const scene = createScene()
    await scene.jwt.get()
    await Promise.all([-300, -301, -299, -300].map((skew) => scene.jwt.get(skew)))
    expect(scene.signatures()).toBe(2)
  })

  test('follows the clock of GitHub when that differs, and keeps to it', async () => {
    const scene = createScene()
    await scene.jwt.get()
    expect(part((await scene.jwt.get(-300)).jwt, 1)).toMatchObject({ exp: START / 1000 - 300 + 540 })
    scene.advance(8 * 60_000)
    await scene.jwt.get()
    await turn()
    expect(part((await scene.jwt.get()).jwt, 1)).toMatchObject({ exp: START / 1000 + 480 - 300 + 540 })
    expect(part((await scene.jwt.get(Number.NaN)).jwt, 1)).toMatchObject({ exp: START / 1000 + 480 + 540 })
  })

  test('that could not be signed is signed by whoever wants it a second later, and asked for once until then', async () => {
    const fail = { next: true }
    const scene = createScene(fail)
    await expect(scene.jwt.get()).rejects.toThrow('the KMS is away')
    fail.next = false
    scene.advance(999)
    await expect(scene.jwt.get()).rejects.toThrow('the KMS is away')
    scene.advance(1)
    await scene.jwt.get()
    expect(scene.signatures()).toBe(1)
  })
})
